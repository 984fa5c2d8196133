/* The measuring client: damage DIR COUNT remove|overwrite|chmod ROUNDS [SEED]
 *
 * Each round damages one file, takes the time at the return of the damaging call and polls, busily, until
 * the file is right again: it exists, its content is equal, its mode is equal. A round has a bound of time
 * and ten rounds that pass it end the run, so that it never hangs. Files are walked in a seeded order, so
 * that none is damaged often in a short time (an agent may take that for two writers fighting). Prints one
 * line of JSON, in nanoseconds. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "content.h"

#define ROUND_LIMIT_NS 2000000000LL
#define TIMEOUTS_LIMIT 10
/* Pause between rounds: between these two, so that rounds do not fall in step with anything. */
#define PAUSE_MIN_NS 1000000L
#define PAUSE_SPAN_NS 2000000L

static uint64_t state;

static uint64_t random_next(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717ULL;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int is_right(const char *name, const char *content, int length) {
    char found[CONTENT_MAX + 1];
    struct stat at;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return 0;
    int right = fstat(fd, &at) == 0 && (at.st_mode & 07777) == FILE_MODE && at.st_size == length &&
                read(fd, found, sizeof found) == length && memcmp(found, content, length) == 0;
    close(fd);
    return right;
}

static void damage(const char *how, const char *name) {
    if (strcmp(how, "remove") == 0) {
        if (unlink(name) != 0) err(1, "unlink %s", name);
    } else if (strcmp(how, "chmod") == 0) {
        if (chmod(name, 0600) != 0) err(1, "chmod %s", name);
    } else {
        static const char wrong[] = "somebody else was here\n";
        int fd = open(name, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0) err(1, "open %s", name);
        if (write(fd, wrong, sizeof wrong - 1) < 0) err(1, "write %s", name);
        close(fd);
    }
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t quantile(const int64_t *sorted, long n, double q) {
    long rank = (long)(q * (double)n + 0.999999);
    return sorted[rank < 1 ? 0 : rank > n ? n - 1 : rank - 1];
}

int main(int argc, char **argv) {
    if (argc < 5 || argc > 6) errx(64, "usage: damage DIR COUNT remove|overwrite|chmod ROUNDS [SEED]");
    long count = atol(argv[2]), rounds = atol(argv[4]);
    const char *how = argv[3];
    if (strcmp(how, "remove") && strcmp(how, "overwrite") && strcmp(how, "chmod")) errx(64, "unknown damage: %s", how);
    if (count < 1 || rounds < 1) errx(64, "COUNT and ROUNDS are at least 1");
    state = 0x9E3779B97F4A7C15ULL ^ (argc == 6 ? strtoull(argv[5], NULL, 10) * 0xD1B54A32D192ED03ULL : 0);
    if (chdir(argv[1]) != 0) err(1, "%s", argv[1]);

    long *order = malloc(sizeof(long) * (size_t)count);
    int64_t *took = malloc(sizeof(int64_t) * (size_t)rounds);
    if (!order || !took) err(1, "malloc");
    for (long i = 0; i < count; i++) order[i] = i + 1;
    for (long i = count - 1; i > 0; i--) {
        long j = (long)(random_next() % (uint64_t)(i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }

    long done = 0, timeouts = 0;
    for (long round = 0; round < rounds && timeouts < TIMEOUTS_LIMIT; round++) {
        char name[32], content[CONTENT_MAX];
        long i = order[round % count];
        file_name(name, sizeof name, i);
        int length = file_content(content, i);
        int64_t before = now_ns();
        while (!is_right(name, content, length)) /* a round that timed out before may still be under repair */
            if (now_ns() - before > ROUND_LIMIT_NS) errx(1, "%s is not right before it is damaged", name);

        damage(how, name);
        int64_t start = now_ns(), end = start;
        int right = 0;
        while (!(right = is_right(name, content, length)) && end - start <= ROUND_LIMIT_NS) end = now_ns();
        end = now_ns();
        if (right)
            took[done++] = end - start;
        else
            timeouts++;
        struct timespec pause = {0, PAUSE_MIN_NS + (long)(random_next() % PAUSE_SPAN_NS)};
        nanosleep(&pause, NULL);
    }
    if (done == 0) {
        printf("{\"how\":\"%s\",\"count\":0,\"timeouts\":%ld}\n", how, timeouts);
        return 2;
    }
    qsort(took, (size_t)done, sizeof *took, by_size);
    printf("{\"how\":\"%s\",\"count\":%ld,\"timeouts\":%ld,\"median_ns\":%lld,\"p90_ns\":%lld,\"p99_ns\":%lld,\"max_ns\":%lld}\n", how,
           done, timeouts, (long long)quantile(took, done, 0.5), (long long)quantile(took, done, 0.9),
           (long long)quantile(took, done, 0.99), (long long)took[done - 1]);
    return 0;
}

/* Starts agents, replaces their graphs, and tells when files have arrived: no polling, no driver in between.
 *
 * Reads orders from standard input, a line each, fields separated by tabs:
 *   watch DIR COUNT [NAME]   so many arrivals of files (of this name) are awaited; what begins with a dot is none
 *   watch-text FILE TEXT     the file is to contain a text
 *   start LOG ARG...         starts a program
 *   rename FROM TO
 *   await LIMIT_MS           waits for all that is awaited, and prints a line of JSON: the nanoseconds since the
 *                            first start or rename, and the ids of what was started
 * A file arrives when it is renamed into its directory or closed after writing. At the end of its input it ends what
 * it has started. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIELDS_MAX 64
#define AWAITED_MAX 4096
#define CHILDREN_MAX 4096
/* Polite first; what has not ended after this is killed. */
#define GRACE_MS 20000

struct awaited {
    int watch;
    long left;
    char *name; /* only this one, unless NULL */
    char *file, *text;
};

static struct awaited awaited[AWAITED_MAX];
static int awaited_count;
static pid_t children[CHILDREN_MAX]; /* negative: it has ended */
static int children_count;
static int fresh; /* the first child since the last `await` */
static pid_t ended; /* the last child that ended while something of it was awaited, or 0 */
static int ended_how;
static int64_t began, arrived;
static int events, deaths;
static sigset_t normal;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void begin(void) {
    if (began == 0) began = now_ns();
}

static int contains(const char *file, const char *text) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) err(66, "%s", file);
    struct stat at;
    if (fstat(fd, &at) != 0) err(66, "%s", file);
    int found = 0;
    if (at.st_size > 0) {
        void *all = mmap(NULL, (size_t)at.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (all == MAP_FAILED) err(66, "%s", file);
        found = memmem(all, (size_t)at.st_size, text, strlen(text)) != NULL;
        munmap(all, (size_t)at.st_size);
    }
    close(fd);
    return found;
}

static void await_files(const char *directory, long count, const char *name) {
    if (awaited_count == AWAITED_MAX) errx(70, "too much is awaited");
    int watch = inotify_add_watch(events, directory, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
    if (watch < 0) err(66, "watch %s", directory);
    awaited[awaited_count++] = (struct awaited){.watch = watch, .left = count, .name = name ? strdup(name) : NULL};
}

static void await_text(const char *file, const char *text) {
    if (awaited_count == AWAITED_MAX) errx(70, "too much is awaited");
    int made = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0) close(made);
    int watch = inotify_add_watch(events, file, IN_MODIFY);
    if (watch < 0) err(66, "watch %s", file);
    long left = contains(file, text) ? 0 : 1;
    awaited[awaited_count++] = (struct awaited){.watch = watch, .left = left, .file = strdup(file), .text = strdup(text)};
}

static void start(char **fields) {
    if (children_count == CHILDREN_MAX) errx(70, "too many programs");
    begin();
    pid_t child = vfork();
    if (child < 0) err(71, "vfork");
    if (child == 0) {
        int log = open(fields[1], O_WRONLY | O_CREAT | O_APPEND, 0600), nothing = open("/dev/null", O_RDONLY);
        if (log < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(126);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &normal, NULL);
        execvp(fields[2], fields + 2);
        _exit(127);
    }
    children[children_count++] = child;
}

static void happened(const struct inotify_event *event) {
    for (int i = 0; i < awaited_count; i++) {
        struct awaited *one = &awaited[i];
        if (one->watch != event->wd || one->left <= 0) continue;
        if (one->text)
            one->left = contains(one->file, one->text) ? 0 : 1;
        else if (event->len > 0 && event->name[0] != '.' && (!one->name || strcmp(one->name, event->name) == 0))
            one->left--;
    }
}

static long left(void) {
    long sum = 0;
    for (int i = 0; i < awaited_count; i++) sum += awaited[i].left > 0 ? awaited[i].left : 0;
    return sum;
}

/* Takes note of children that have ended; those from this one on were to go on. */
static void reap(int from) {
    struct signalfd_siginfo told;
    while (read(deaths, &told, sizeof told) > 0) {}
    pid_t child;
    int how;
    while ((child = waitpid(-1, &how, WNOHANG)) > 0) {
        for (int i = 0; i < children_count; i++) {
            if (children[i] != child) continue;
            children[i] = -child;
            if (i >= from) ended = child, ended_how = how;
        }
    }
}

static void read_events(void) {
    char buffer[1 << 16] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length;
    while ((length = read(events, buffer, sizeof buffer)) > 0) {
        arrived = now_ns();
        for (char *at = buffer; at < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            if (event->mask & IN_Q_OVERFLOW) errx(70, "more has happened than the kernel keeps");
            happened(event);
            at += sizeof *event + event->len;
        }
    }
}

static void await_all(long limit_ms) {
    int64_t end = now_ns() + limit_ms * 1000000LL;
    read_events();
    while (left() > 0 && ended == 0) {
        int64_t rest = end - now_ns();
        struct pollfd polled[] = {{.fd = events, .events = POLLIN}, {.fd = deaths, .events = POLLIN}};
        if (rest <= 0 || poll(polled, 2, (int)(rest / 1000000 + 1)) == 0) break;
        if (polled[0].revents) read_events();
        if (polled[1].revents) reap(0);
    }
    printf("{\"left\":%ld,\"ended\":%d,\"status\":%d,\"ns\":%lld,\"pids\":[", left(), ended, ended_how,
           (long long)(began ? arrived - began : 0));
    for (int i = fresh; i < children_count; i++) printf(i == fresh ? "%d" : ",%d", abs(children[i]));
    printf("]}\n");
    fflush(stdout);
    for (int i = 0; i < awaited_count; i++) {
        inotify_rm_watch(events, awaited[i].watch);
        free(awaited[i].name), free(awaited[i].file), free(awaited[i].text);
    }
    awaited_count = 0;
    read_events(); /* what is left is of watches that are gone */
    fresh = children_count, ended = ended_how = 0, began = arrived = 0;
}

static void end_all(void) {
    int64_t grace_until = now_ns() + GRACE_MS * 1000000LL;
    for (int signal = SIGTERM;; signal = SIGKILL) {
        int living = 0;
        reap(0);
        for (int i = 0; i < children_count; i++)
            if (children[i] > 0) kill(children[i], signal), living++;
        while (living > 0) {
            int64_t rest = grace_until - now_ns();
            struct pollfd polled = {.fd = deaths, .events = POLLIN};
            if (signal == SIGTERM && (rest <= 0 || poll(&polled, 1, (int)(rest / 1000000 + 1)) == 0)) break;
            if (signal == SIGKILL) poll(&polled, 1, -1);
            reap(0);
            living = 0;
            for (int i = 0; i < children_count; i++) living += children[i] > 0;
        }
        if (living == 0) return;
    }
}

int main(void) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &normal);
    signal(SIGPIPE, SIG_IGN);
    deaths = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (deaths < 0 || events < 0) err(71, "inotify");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        char *fields[FIELDS_MAX + 1] = {0}, *rest = line;
        int count = 0;
        while (count < FIELDS_MAX && (fields[count] = strsep(&rest, "\t"))) count++;
        if (strcmp(fields[0], "watch") == 0 && (count == 3 || count == 4)) {
            await_files(fields[1], atol(fields[2]), fields[3]);
        } else if (strcmp(fields[0], "watch-text") == 0 && count == 3) {
            await_text(fields[1], fields[2]);
        } else if (strcmp(fields[0], "start") == 0 && count >= 3) {
            reap(fresh);
            start(fields);
        } else if (strcmp(fields[0], "rename") == 0 && count == 3) {
            begin();
            if (rename(fields[1], fields[2]) != 0) err(73, "rename %s", fields[1]);
        } else if (strcmp(fields[0], "await") == 0 && count == 2) {
            reap(fresh);
            await_all(atol(fields[1]));
        } else {
            errx(64, "no order: %s, with %d fields", fields[0], count);
        }
    }
    end_all();
    return 0;
}

/* Runs one command and tells what it cost: timed RESULT COMMAND [ARG...]
 *
 * Writes {"ns", "maxrss_kb", "user_us", "system_us", "exit"} to the file RESULT. It exists because a
 * child's peak memory is counted from its parent's size at the fork: a driver of some 30 MB would hide
 * what a small program needs, and its own start-up would count as time. */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) errx(64, "usage: timed RESULT COMMAND [ARG...]");
    struct timespec start, end;
    struct rusage used;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child < 0) err(71, "fork");
    if (child == 0) {
        execvp(argv[2], argv + 2);
        err(127, "%s", argv[2]);
    }
    if (wait4(child, &status, 0, &used) != child) err(71, "wait4");
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *out = fopen(argv[1], "w");
    if (!out) err(73, "%s", argv[1]);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(out, "{\"ns\":%lld,\"maxrss_kb\":%ld,\"user_us\":%lld,\"system_us\":%lld,\"exit\":%d}\n",
            (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec), used.ru_maxrss,
            used.ru_utime.tv_sec * 1000000LL + used.ru_utime.tv_usec,
            used.ru_stime.tv_sec * 1000000LL + used.ru_stime.tv_usec, code);
    return fclose(out) == 0 ? 0 : 73;
}

/* The bare repair loop: repair_loop DIR COUNT
 *
 * Blocks on one inotify watch of DIR; on an event for a file of known content and mode it looks (lstat,
 * content, mode) and repairs: temporary file and rename, or chmod when only the mode differs. It does
 * nothing else, so that it is the fair lower bound of what an agent can reach. Prints "ready" once armed;
 * ends by a signal. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"

static void rewrite(const char *name, const char *content, int length) {
    char temporary[64];
    snprintf(temporary, sizeof temporary, ".%s.new", name);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) err(1, "open %s", temporary);
    if (write(fd, content, length) != length) err(1, "write %s", temporary);
    if (fchmod(fd, FILE_MODE) != 0) err(1, "fchmod %s", temporary);
    if (close(fd) != 0) err(1, "close %s", temporary);
    if (rename(temporary, name) != 0) err(1, "rename %s", name);
}

static void look_and_repair(long i) {
    char name[32], content[CONTENT_MAX], found[CONTENT_MAX + 1];
    struct stat at;
    file_name(name, sizeof name, i);
    int length = file_content(content, i);
    if (lstat(name, &at) != 0 || !S_ISREG(at.st_mode) || at.st_size != length) {
        rewrite(name, content, length);
        return;
    }
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int got = fd < 0 ? -1 : (int)read(fd, found, sizeof found);
    if (fd >= 0) close(fd);
    if (got != length || memcmp(found, content, length) != 0)
        rewrite(name, content, length);
    else if ((at.st_mode & 07777) != FILE_MODE && chmod(name, FILE_MODE) != 0 && errno != ENOENT)
        err(1, "chmod %s", name);
}

int main(int argc, char **argv) {
    if (argc != 3) errx(64, "usage: repair_loop DIR COUNT");
    long count = atol(argv[2]);
    if (chdir(argv[1]) != 0) err(1, "%s", argv[1]);
    int hub = inotify_init1(IN_CLOEXEC);
    if (hub < 0) err(1, "inotify_init1");
    if (inotify_add_watch(hub, ".", IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR) < 0)
        err(1, "inotify_add_watch %s", argv[1]);
    for (long i = 1; i <= count; i++) look_and_repair(i);
    puts("ready");
    fflush(stdout);

    _Alignas(struct inotify_event) char events[1 << 16];
    for (;;) {
        ssize_t got = read(hub, events, sizeof events);
        if (got < 0) {
            if (errno == EINTR) continue;
            err(1, "read inotify");
        }
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            at += sizeof *event + event->len;
            /* Its own temporary names begin with a dot and are no file of the set. */
            if (event->len == 0 || event->name[0] != 'f') continue;
            long i = atol(event->name + 1);
            if (i >= 1 && i <= count) look_and_repair(i);
        }
    }
}

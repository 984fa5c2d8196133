/* The plain loop of safe writes: write_files DIR COUNT
 *
 * For each file: a temporary file in the same directory (O_EXCL), the content, the mode, close, rename.
 * No fsync, as the agent does none. This is the least work that never shows a half-written file. */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"

int main(int argc, char **argv) {
    if (argc != 3) errx(64, "usage: write_files DIR COUNT");
    long count = atol(argv[2]);
    if (chdir(argv[1]) != 0) err(1, "%s", argv[1]);
    for (long i = 1; i <= count; i++) {
        char name[32], temporary[40], content[CONTENT_MAX];
        file_name(name, sizeof name, i);
        snprintf(temporary, sizeof temporary, ".%s.new", name);
        int length = file_content(content, i);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) err(1, "open %s", temporary);
        if (write(fd, content, length) != length) err(1, "write %s", temporary);
        if (fchmod(fd, FILE_MODE) != 0) err(1, "fchmod %s", temporary);
        if (close(fd) != 0) err(1, "close %s", temporary);
        if (rename(temporary, name) != 0) err(1, "rename %s", name);
    }
    return 0;
}

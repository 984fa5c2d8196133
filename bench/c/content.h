/* What every managed file of the benchmark holds: the same words as `graphs.py` writes into its graphs. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdio.h>

#define FILE_MODE 0644
#define CONTENT_MAX 128

/* Name of file `i` (from 1) below its directory. */
static inline int file_name(char *out, size_t room, long i) { return snprintf(out, room, "f%06ld", i); }

/* Content of file `i`; returns its length. */
static inline int file_content(char *out, long i) {
    return snprintf(out, CONTENT_MAX, "file %06ld: few words, so that the number of files is what counts\n", i);
}

#endif

/* What the store has on disk: records, the INDEX file, and the plain file work around them. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"

/* A record: crc32 of the rest, value length, key, sequence number, value; all little-endian. */
#define RECORD_HEADER 20u
#define RECORD_MAX (RECORD_HEADER + STORE_VALUE_MAX)

typedef struct record {
    uint32_t key;
    uint32_t length;
    uint64_t seq;
    const unsigned char *value; /* in the buffer it was decoded from */
} record;

/* Writes the record to `out`, which holds RECORD_MAX bytes, and returns its size. */
size_t record_encode(unsigned char *out, const record *r);

/* Decodes the record at the start of `in` and returns its size; 0: there is no whole, sound one. */
size_t record_decode(const unsigned char *in, size_t available, record *out);

/* Reads the records of a file one after another, below `limit`. */
typedef struct scan {
    int fd;
    uint64_t limit;
    uint64_t offset; /* of the next record */
    unsigned char *buffer;
    size_t start, end; /* of what the buffer holds from `offset` on */
} scan;

int scan_begin(scan *s, int fd, uint64_t limit); /* -1: no memory */
/* 1: a record, valid until the next call; 0: the end, or no sound record at `offset`;
 * -1: reading failed, errno says why. */
int scan_next(scan *s, record *out);
void scan_end(scan *s);

/* INDEX: two slots of the same size, written by turns. The sound one with the higher generation
 * counts, so a crash in the middle of a write leaves the edit before. */
#define INDEX_SEGMENTS_MAX 128u

typedef struct index_segment {
    uint64_t number, size;
} index_segment;

typedef struct index_state {
    uint64_t generation;
    uint64_t sealed_seq;   /* the commits up to this one are in segments */
    uint64_t log_from;     /* logs from this number on hold the later ones */
    uint64_t next_segment; /* number of the next segment to be written */
    uint32_t count;
    index_segment segments[INDEX_SEGMENTS_MAX];
} index_state;

int index_create(int dir_fd); /* makes an empty one, durably; -1: errno says why */
int index_read(int fd, index_state *out); /* 0; 1: neither slot is sound; -1: errno says why */
int index_write(int fd, const index_state *state);

/* Files are named by number and kind: "log" or "seg", or "tmp" while a segment is being built. */
#define FILE_NAME_MAX 32
void file_name(char out[FILE_NAME_MAX], uint64_t number, const char *kind);
int file_name_parse(const char *name, uint64_t *number, char kind[4]); /* 1: it is such a name */

int pwrite_all(int fd, const void *bytes, size_t length, uint64_t offset);

#endif

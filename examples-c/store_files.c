#include "store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- bytes --- */

static uint32_t crc_table[256];

static void crc_table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
        crc_table[i] = crc;
    }
}

static uint32_t crc32_of(const unsigned char *bytes, size_t length)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, crc_table_fill) != 0)
        abort();
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 0xFF];
    return ~crc;
}

static void put_number(unsigned char *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(number >> 8 * i);
}

static uint64_t get_number(const unsigned char *in, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes; i-- > 0;)
        number = number << 8 | in[i];
    return number;
}

int pwrite_all(int fd, const void *bytes, size_t length, uint64_t offset)
{
    const unsigned char *next = bytes;
    while (length > 0) {
        ssize_t written = pwrite(fd, next, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        next += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

/* Reads until the buffer is full or the file ends; -1: errno says why. */
static ssize_t pread_all(int fd, unsigned char *out, size_t length, uint64_t offset)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd, out + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* --- records --- */

size_t record_encode(unsigned char *out, const record *r)
{
    size_t size = RECORD_HEADER + r->length;
    put_number(out + 4, r->length, 4);
    put_number(out + 8, r->key, 4);
    put_number(out + 12, r->seq, 8);
    if (r->length > 0)
        memcpy(out + RECORD_HEADER, r->value, r->length);
    put_number(out, crc32_of(out + 4, size - 4), 4);
    return size;
}

size_t record_decode(const unsigned char *in, size_t available, record *out)
{
    if (available < RECORD_HEADER)
        return 0;
    out->length = (uint32_t)get_number(in + 4, 4);
    out->key = (uint32_t)get_number(in + 8, 4);
    out->seq = get_number(in + 12, 8);
    out->value = in + RECORD_HEADER;
    if (out->length > STORE_VALUE_MAX || out->key > STORE_KEY_MAX)
        return 0;
    size_t size = RECORD_HEADER + out->length;
    if (available < size || get_number(in, 4) != crc32_of(in + 4, size - 4))
        return 0;
    return size;
}

#define SCAN_BUFFER (256u * 1024)

int scan_begin(scan *s, int fd, uint64_t limit)
{
    *s = (scan){.fd = fd, .limit = limit, .buffer = malloc(SCAN_BUFFER)};
    return s->buffer == NULL ? -1 : 0;
}

int scan_next(scan *s, record *out)
{
    uint64_t left = s->limit - s->offset;
    size_t held = s->end - s->start;
    if (held < RECORD_MAX && held < left) {
        size_t wanted = left < SCAN_BUFFER ? (size_t)left : SCAN_BUFFER;
        memmove(s->buffer, s->buffer + s->start, held);
        ssize_t got = pread_all(s->fd, s->buffer + held, wanted - held, s->offset + held);
        if (got < 0)
            return -1;
        s->start = 0;
        s->end = held + (size_t)got;
    }
    size_t size = record_decode(s->buffer + s->start, s->end - s->start, out);
    s->start += size;
    s->offset += size;
    return size > 0;
}

void scan_end(scan *s)
{
    free(s->buffer);
    s->buffer = NULL;
}

/* --- INDEX --- */

#define INDEX_MAGIC 0x58444E49u /* INDX */
#define INDEX_HEADER 44u
#define INDEX_SLOT 4096u

static void index_encode(unsigned char slot[INDEX_SLOT], const index_state *state)
{
    memset(slot, 0, INDEX_SLOT);
    put_number(slot + 4, INDEX_MAGIC, 4);
    put_number(slot + 8, state->generation, 8);
    put_number(slot + 16, state->sealed_seq, 8);
    put_number(slot + 24, state->log_from, 8);
    put_number(slot + 32, state->next_segment, 8);
    put_number(slot + 40, state->count, 4);
    unsigned char *out = slot + INDEX_HEADER;
    for (uint32_t i = 0; i < state->count; i++, out += 16) {
        put_number(out, state->segments[i].number, 8);
        put_number(out + 8, state->segments[i].size, 8);
    }
    put_number(slot, crc32_of(slot + 4, INDEX_SLOT - 4), 4);
}

static int index_decode(const unsigned char slot[INDEX_SLOT], index_state *out)
{
    if (get_number(slot, 4) != crc32_of(slot + 4, INDEX_SLOT - 4) ||
        get_number(slot + 4, 4) != INDEX_MAGIC)
        return 0;
    out->generation = get_number(slot + 8, 8);
    out->sealed_seq = get_number(slot + 16, 8);
    out->log_from = get_number(slot + 24, 8);
    out->next_segment = get_number(slot + 32, 8);
    out->count = (uint32_t)get_number(slot + 40, 4);
    if (out->count > INDEX_SEGMENTS_MAX)
        return 0;
    const unsigned char *in = slot + INDEX_HEADER;
    for (uint32_t i = 0; i < out->count; i++, in += 16) {
        out->segments[i].number = get_number(in, 8);
        out->segments[i].size = get_number(in + 8, 8);
    }
    return 1;
}

int index_read(int fd, index_state *out)
{
    unsigned char slots[2 * INDEX_SLOT];
    ssize_t got = pread_all(fd, slots, sizeof slots, 0);
    if (got < 0)
        return -1;
    if ((size_t)got != sizeof slots)
        return 1;
    index_state states[2];
    int sound[2];
    for (int i = 0; i < 2; i++)
        sound[i] = index_decode(slots + (size_t)i * INDEX_SLOT, &states[i]);
    if (!sound[0] && !sound[1])
        return 1;
    int newest = sound[1] && (!sound[0] || states[1].generation > states[0].generation);
    *out = states[newest];
    return 0;
}

int index_write(int fd, const index_state *state)
{
    unsigned char slot[INDEX_SLOT];
    index_encode(slot, state);
    return pwrite_all(fd, slot, sizeof slot, state->generation % 2 * INDEX_SLOT);
}

int index_create(int dir_fd)
{
    int fd = openat(dir_fd, "INDEX.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    index_state empty = {.log_from = 1, .next_segment = 1};
    unsigned char slots[2 * INDEX_SLOT] = {0};
    index_encode(slots, &empty);
    int failed = pwrite_all(fd, slots, sizeof slots, 0) != 0 || fsync(fd) != 0;
    failed |= close(fd) != 0;
    if (failed || renameat(dir_fd, "INDEX.tmp", dir_fd, "INDEX") != 0 || fsync(dir_fd) != 0)
        return -1;
    return 0;
}

/* --- names --- */

void file_name(char out[FILE_NAME_MAX], uint64_t number, const char *kind)
{
    snprintf(out, FILE_NAME_MAX, "%08llu.%.3s", (unsigned long long)number, kind);
}

int file_name_parse(const char *name, uint64_t *number, char kind[4])
{
    size_t digits = strspn(name, "0123456789");
    if (digits < 8 || digits > 18 || name[digits] != '.')
        return 0;
    const char *ending = name + digits + 1;
    if (strcmp(ending, "log") != 0 && strcmp(ending, "seg") != 0 && strcmp(ending, "tmp") != 0)
        return 0;
    *number = strtoull(name, NULL, 10);
    memcpy(kind, ending, 4);
    return 1;
}

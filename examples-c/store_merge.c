/*
 * The background thread: it seals closed logs into segments and merges segments.
 *
 * Both are one operation: the newest record of each key among the inputs goes to a new segment,
 * which takes their place. It looks at its inputs alone, never at later commits: a record that a
 * later commit has replaced must stay until that commit is durable too.
 */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUTS_MAX SEGMENTS_MAX
#define OUT_BUFFER (256u * 1024)

typedef struct moved {
    uint64_t seq, offset;
    uint32_t key;
} moved;

typedef struct merge {
    file *inputs[INPUTS_MAX];
    size_t input_count;
    uint64_t *newest; /* by key: the newest sequence number among the inputs */
    size_t newest_count;
    moved *records; /* what the new segment holds */
    size_t record_count, record_room;
    unsigned char *buffer;
    size_t buffered;
    int fd; /* of the new segment */
    uint64_t size;
} merge;

/* The array, doubled until it holds `count` entries; new ones are zero. NULL: no memory, and the
 * array is as it was. */
static void *grown(void *array, size_t *room, size_t count, size_t entry)
{
    if (count <= *room)
        return array;
    size_t larger = *room == 0 ? 1024 : *room;
    while (larger < count)
        larger *= 2;
    unsigned char *moved_to = realloc(array, larger * entry);
    if (moved_to == NULL)
        return NULL;
    memset(moved_to + *room * entry, 0, (larger - *room) * entry);
    *room = larger;
    return moved_to;
}

static int note_newest(merge *m, const record *r)
{
    uint64_t *newest = grown(m->newest, &m->newest_count, (size_t)r->key + 1, sizeof *newest);
    if (newest == NULL)
        return -1;
    m->newest = newest;
    if (newest[r->key] < r->seq)
        newest[r->key] = r->seq;
    return 0;
}

static int flush(merge *m)
{
    if (pwrite_all(m->fd, m->buffer, m->buffered, m->size - m->buffered) != 0)
        return -1;
    m->buffered = 0;
    return 0;
}

static int keep_newest(merge *m, const record *r)
{
    if (m->newest[r->key] != r->seq)
        return 0;
    if (m->buffered + RECORD_MAX > OUT_BUFFER && flush(m) != 0)
        return -1;
    moved *records = grown(m->records, &m->record_room, m->record_count + 1, sizeof *records);
    if (records == NULL)
        return -1;
    m->records = records;
    records[m->record_count++] = (moved){.key = r->key, .seq = r->seq, .offset = m->size};
    size_t size = record_encode(m->buffer + m->buffered, r);
    m->buffered += size;
    m->size += size;
    return 0;
}

/* Calls `use` for each record of the inputs, all of which must be sound. */
static int each_record(merge *m, int (*use)(merge *, const record *))
{
    for (size_t i = 0; i < m->input_count; i++) {
        scan in;
        record r;
        int got;
        if (scan_begin(&in, m->inputs[i]->fd, m->inputs[i]->size) != 0)
            return -1;
        while ((got = scan_next(&in, &r)) > 0 && use(m, &r) == 0)
            ;
        int saved = errno;
        int whole = in.offset == in.limit;
        scan_end(&in);
        errno = got == 0 && !whole ? EILSEQ : saved;
        if (got != 0 || !whole)
            return -1;
    }
    return 0;
}

/* Writes the new segment and makes it durable under its own name. INDEX does not name it yet. */
static int write_segment(store *s, merge *m, uint64_t number)
{
    char temporary[FILE_NAME_MAX], name[FILE_NAME_MAX];
    file_name(temporary, number, "tmp");
    file_name(name, number, "seg");
    m->buffer = malloc(OUT_BUFFER);
    m->fd = openat(s->dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (m->buffer == NULL || m->fd < 0)
        return -1;
    if (each_record(m, note_newest) != 0 || each_record(m, keep_newest) != 0 || flush(m) != 0)
        return -1;
    if (fdatasync(m->fd) != 0 || renameat(s->dir_fd, temporary, s->dir_fd, name) != 0)
        return -1;
    return fsync(s->dir_fd);
}

/* What INDEX is to say with the new segment in place of the inputs. */
static void replace_inputs(const merge *m, index_state *index)
{
    for (size_t i = 0; i < m->input_count; i++) {
        const file *input = m->inputs[i];
        if (input->is_log) {
            if (index->log_from <= input->number)
                index->log_from = input->number + 1;
            if (index->sealed_seq < input->last_seq)
                index->sealed_seq = input->last_seq;
            continue;
        }
        for (uint32_t k = 0; k < index->count; k++)
            if (index->segments[k].number == input->number)
                index->segments[k] = index->segments[--index->count];
    }
    index->segments[index->count++] =
        (index_segment){.number = index->next_segment++, .size = m->size};
    index->generation++;
}

/* Under the commit lock: from here on the new segment is live and the inputs are not. */
static int switch_over(store *s, merge *m)
{
    index_state index = s->index;
    replace_inputs(m, &index);
    file *segment = store_add_file(s, s->index.next_segment, 0, m->fd);
    if (segment == NULL)
        return -1;
    m->fd = -1;
    segment->size = m->size;
    if (index_write(s->index_fd, &index) != 0)
        return -1;
    s->index = index;
    for (size_t i = 0; i < m->record_count; i++) {
        slot *place = store_slot(s, m->records[i].key);
        if (place != NULL && place->seq == m->records[i].seq) {
            place->file = segment;
            place->offset = m->records[i].offset;
        }
    }
    for (size_t i = 0; i < m->input_count; i++) {
        file **link = &s->files;
        while (*link != m->inputs[i])
            link = &(*link)->next;
        *link = m->inputs[i]->next;
        s->closed_logs -= (unsigned)m->inputs[i]->is_log;
    }
    s->merges++;
    s->deleted += m->input_count;
    return 0;
}

static int delete_inputs(store *s, merge *m)
{
    int result = fdatasync(s->index_fd); /* or a power failure could bring their INDEX back */
    for (size_t i = 0; i < m->input_count; i++) {
        char name[FILE_NAME_MAX];
        file_name(name, m->inputs[i]->number, m->inputs[i]->is_log ? "log" : "seg");
        if (result == 0)
            result = unlinkat(s->dir_fd, name, 0);
        int error = errno;
        store_close_file(m->inputs[i]);
        errno = error;
    }
    return result;
}

static int run(store *s, merge *m)
{
    if (write_segment(s, m, s->index.next_segment) != 0) /* only this thread changes `index` */
        return -1;
    store_hold(s);
    int result = switch_over(s, m);
    int saved = errno;
    store_let_go(s);
    errno = saved;
    return result == 0 ? delete_inputs(s, m) : -1;
}

static int by_size(const void *a, const void *b)
{
    const file *one = *(file *const *)a, *other = *(file *const *)b;
    return (one->size > other->size) - (one->size < other->size);
}

static file *find_log(const store *s, uint64_t number)
{
    file *f = s->files;
    while (f != NULL && !(f->is_log && f->number == number))
        f = f->next;
    return f;
}

/* The smaller half of the segments when there are too many, so that their number is bounded;
 * else the closed logs, oldest first. Under the lock. */
static void choose_inputs(store *s, merge *m)
{
    if (s->index.count >= SEGMENTS_MAX) {
        file *segments[SEGMENTS_MAX];
        size_t count = 0;
        for (file *f = s->files; f != NULL; f = f->next)
            if (!f->is_log && count < SEGMENTS_MAX)
                segments[count++] = f;
        qsort(segments, count, sizeof *segments, by_size);
        m->input_count = count / 2;
        memcpy(m->inputs, segments, m->input_count * sizeof *segments);
        return;
    }
    for (uint64_t number = s->index.log_from; m->input_count < INPUTS_MAX; number++) {
        file *log = find_log(s, number);
        if (log == NULL || log == s->log)
            return;
        m->inputs[m->input_count++] = log;
    }
}

void *store_background(void *argument)
{
    store *s = argument;
    for (;;) {
        merge m = {.fd = -1};
        must(pthread_mutex_lock(&s->commit_lock));
        while (!s->stopping && s->failed[0] == '\0' && (choose_inputs(s, &m), m.input_count == 0))
            must(pthread_cond_wait(&s->may_seal, &s->commit_lock));
        must(pthread_mutex_unlock(&s->commit_lock));
        if (m.input_count == 0)
            return NULL;
        int result = run(s, &m);
        if (result != 0) {
            int error = errno;
            store_hold(s);
            store_fail(s, "merging", "segments", strerror(error));
            store_let_go(s);
        }
        if (m.fd >= 0)
            (void)close(m.fd);
        free(m.newest);
        free(m.records);
        free(m.buffer);
    }
}

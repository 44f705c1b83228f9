#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void must(int pthread_result)
{
    if (pthread_result != 0)
        abort();
}

void store_hold(store *s)
{
    atomic_fetch_add(&s->urgent, 1);
    must(pthread_mutex_lock(&s->commit_lock));
}

void store_let_go(store *s)
{
    atomic_fetch_sub(&s->urgent, 1);
    must(pthread_cond_broadcast(&s->may_commit));
    must(pthread_mutex_unlock(&s->commit_lock));
}

void store_fail(store *s, const char *what, const char *name, const char *why)
{
    if (s->failed[0] == '\0')
        snprintf(s->failed, sizeof s->failed, "%s %s: %s", what, name, why);
    must(pthread_cond_broadcast(&s->may_commit));
    must(pthread_cond_broadcast(&s->may_seal));
}

slot *store_slot(store *s, uint32_t key)
{
    if (key >= s->slot_count) {
        size_t count = s->slot_count == 0 ? 1024 : s->slot_count;
        while (count <= key)
            count *= 2;
        slot *grown = realloc(s->slots, count * sizeof *grown);
        if (grown == NULL)
            return NULL;
        memset(grown + s->slot_count, 0, (count - s->slot_count) * sizeof *grown);
        s->slots = grown;
        s->slot_count = count;
    }
    return &s->slots[key];
}

/* --- files --- */

file *store_add_file(store *s, uint64_t number, int is_log, int fd)
{
    file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (file){.next = s->files, .number = number, .is_log = is_log, .fd = fd};
    s->files = f;
    return f;
}

void store_close_file(file *f)
{
    (void)close(f->fd); /* what had to be durable was synced before */
    free(f);
}

int store_new_log(store *s, uint64_t number)
{
    char name[FILE_NAME_MAX];
    file_name(name, number, "log");
    int fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    file *f = store_add_file(s, number, 1, fd);
    if (f == NULL) {
        (void)close(fd);
        (void)unlinkat(s->dir_fd, name, 0);
        errno = ENOMEM;
        return -1;
    }
    s->log = f;
    return 0;
}

/* --- commits and reads --- */

/* The log is full: the next commit goes to a new one, and the background thread seals this. */
static int close_log(store *s)
{
    file *full = s->log;
    full->last_seq = s->last_seq;
    if (store_new_log(s, full->number + 1) != 0) {
        store_fail(s, "making", "the next log", strerror(errno));
        return -1;
    }
    s->closed_logs++;
    must(pthread_cond_signal(&s->may_seal));
    return 0;
}

static int commit(store *s, uint32_t key, const void *value, size_t length)
{
    if (s->log->size >= LOG_LIMIT && close_log(s) != 0)
        return -1;
    slot *place = store_slot(s, key);
    if (place == NULL) {
        store_fail(s, "adding", "a key", strerror(ENOMEM));
        return -1;
    }
    record r = {.key = key, .length = (uint32_t)length, .seq = s->last_seq + 1, .value = value};
    size_t size = record_encode(s->record, &r);
    /* If this fails half way, nothing may follow what it left: the store has failed for good, and
     * recovery will cut the torn record off. */
    if (pwrite_all(s->log->fd, s->record, size, s->log->size) != 0) {
        store_fail(s, "writing", "the log", strerror(errno));
        return -1;
    }
    *place = (slot){.seq = r.seq, .file = s->log, .offset = s->log->size};
    s->log->size += size;
    s->last_seq = r.seq;
    return 0;
}

int store_put(store *s, uint32_t key, const void *value, size_t length, uint64_t *seq)
{
    if (key > STORE_KEY_MAX || length > STORE_VALUE_MAX)
        return 1;
    must(pthread_mutex_lock(&s->commit_lock));
    while (s->failed[0] == '\0' &&
           (atomic_load(&s->urgent) > 0 || s->closed_logs >= CLOSED_LOGS_MAX))
        must(pthread_cond_wait(&s->may_commit, &s->commit_lock));
    int result = s->failed[0] == '\0' ? commit(s, key, value, length) : -1;
    if (result == 0 && seq != NULL)
        *seq = s->last_seq;
    must(pthread_mutex_unlock(&s->commit_lock));
    return result;
}

int store_get(store *s, uint32_t key, void *value, size_t *length, uint64_t *seq,
              char why[STORE_ERROR_MAX])
{
    unsigned char bytes[RECORD_MAX];
    int result = 1;
    /* The lock also keeps the background thread from closing the file that is being read. */
    must(pthread_mutex_lock(&s->commit_lock));
    if (key < s->slot_count && s->slots[key].seq != 0) {
        const slot *place = &s->slots[key];
        ssize_t got = pread(place->file->fd, bytes, sizeof bytes, (off_t)place->offset);
        record r;
        if (got < 0 || record_decode(bytes, (size_t)got, &r) == 0 || r.key != key ||
            r.seq != place->seq) {
            snprintf(why, STORE_ERROR_MAX, "the record of key %u is damaged in %s %llu", key,
                     place->file->is_log ? "log" : "segment",
                     (unsigned long long)place->file->number);
            result = -1;
        } else {
            memcpy(value, r.value, r.length);
            *length = r.length;
            *seq = r.seq;
            result = 0;
        }
    }
    must(pthread_mutex_unlock(&s->commit_lock));
    return result;
}

/* --- for a backup --- */

int store_freeze(store *s, uint64_t *last_seq)
{
    store_hold(s);
    if (s->failed[0] != '\0') {
        store_let_go(s);
        return -1;
    }
    *last_seq = s->last_seq;
    return 0;
}

void store_thaw(store *s)
{
    store_let_go(s);
}

void store_get_figures(store *s, store_figures *out)
{
    must(pthread_mutex_lock(&s->commit_lock));
    *out = (store_figures){
        .last_seq = s->last_seq,
        .segments = s->index.count,
        .merges = s->merges,
        .deleted = s->deleted,
        .torn_bytes = s->torn_bytes,
    };
    for (const file *f = s->files; f != NULL; f = f->next)
        out->bytes += f->size;
    must(pthread_mutex_unlock(&s->commit_lock));
}

const char *store_error(store *s)
{
    must(pthread_mutex_lock(&s->commit_lock));
    const char *why = s->failed[0] != '\0' ? s->failed : NULL; /* written once, then it stays */
    must(pthread_mutex_unlock(&s->commit_lock));
    return why;
}

/* --- open and close --- */

static void store_free(store *s)
{
    for (file *f = s->files, *next; f != NULL; f = next) {
        next = f->next;
        store_close_file(f);
    }
    int fds[] = {s->index_fd, s->lock_fd, s->dir_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    must(pthread_cond_destroy(&s->may_seal));
    must(pthread_cond_destroy(&s->may_commit));
    must(pthread_mutex_destroy(&s->commit_lock));
    free(s->slots);
    free(s);
}

static int open_directory(store *s, const char *dir, char why[STORE_ERROR_MAX])
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        snprintf(why, STORE_ERROR_MAX, "making %s: %s", dir, strerror(errno));
        return -1;
    }
    s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0) {
        snprintf(why, STORE_ERROR_MAX, "opening %s: %s", dir, strerror(errno));
        return -1;
    }
    s->lock_fd = openat(s->dir_fd, "LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, STORE_ERROR_MAX, "locking %s/LOCK: %s", dir, strerror(errno));
        return -1;
    }
    return 0;
}

int store_open(const char *dir, store **out, char why[STORE_ERROR_MAX])
{
    store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(why, STORE_ERROR_MAX, "opening %s: %s", dir, strerror(ENOMEM));
        return -1;
    }
    s->dir_fd = s->lock_fd = s->index_fd = -1;
    atomic_init(&s->urgent, 0);
    must(pthread_mutex_init(&s->commit_lock, NULL));
    must(pthread_cond_init(&s->may_commit, NULL));
    must(pthread_cond_init(&s->may_seal, NULL));
    if (open_directory(s, dir, why) != 0 || store_recover(s, why) != 0) {
        store_free(s);
        return -1;
    }
    int error = pthread_create(&s->thread, NULL, store_background, s);
    if (error != 0) {
        snprintf(why, STORE_ERROR_MAX, "starting the background thread: %s", strerror(error));
        store_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int store_close(store *s)
{
    store_hold(s);
    s->stopping = 1;
    must(pthread_cond_signal(&s->may_seal));
    store_let_go(s);
    must(pthread_join(s->thread, NULL));
    int result = s->failed[0] != '\0' || fsync(s->dir_fd) != 0 ? -1 : 0;
    for (const file *f = s->files; f != NULL; f = f->next)
        if (f->is_log && fdatasync(f->fd) != 0)
            result = -1;
    store_free(s);
    return result;
}

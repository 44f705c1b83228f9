/* Recovery: what the store does with its directory when it is opened. */
#include "store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int because(char why[STORE_ERROR_MAX], const char *what, const char *name,
                   const char *reason)
{
    snprintf(why, STORE_ERROR_MAX, "%s %s: %s", what, name, reason);
    return -1;
}

/* Reads a file's records into the map, up to the first that is not sound or, in a log, does not
 * have the next sequence number. `size` gets the length of what was good. */
static int load(store *s, file *f, uint64_t size, const char *name, char why[STORE_ERROR_MAX])
{
    scan in;
    record r;
    int got;
    if (scan_begin(&in, f->fd, size) != 0)
        return because(why, "reading", name, strerror(ENOMEM));
    while (f->size = in.offset, (got = scan_next(&in, &r)) > 0) {
        if (f->is_log ? r.seq != s->last_seq + 1 : r.seq > s->index.sealed_seq)
            break;
        slot *place = store_slot(s, r.key);
        if (place == NULL) {
            scan_end(&in);
            return because(why, "reading", name, strerror(ENOMEM));
        }
        if (place->seq < r.seq)
            *place = (slot){.seq = r.seq, .file = f, .offset = f->size};
        if (f->is_log)
            s->last_seq = r.seq;
    }
    int error = errno;
    scan_end(&in);
    return got < 0 ? because(why, "reading", name, strerror(error)) : 0;
}

/* Opens a live file and puts it in the list. 1: there is no such file. */
static int open_file(store *s, const char *name, uint64_t number, int is_log, file **out,
                     uint64_t *size, char why[STORE_ERROR_MAX])
{
    struct stat st;
    int fd = openat(s->dir_fd, name, (is_log ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0)
        return because(why, "opening", name, strerror(errno));
    *out = fstat(fd, &st) == 0 ? store_add_file(s, number, is_log, fd) : NULL;
    if (*out == NULL) {
        because(why, "opening", name, strerror(errno));
        (void)close(fd);
        return -1;
    }
    *size = (uint64_t)st.st_size;
    return 0;
}

static int load_segments(store *s, char why[STORE_ERROR_MAX])
{
    for (uint32_t i = 0; i < s->index.count; i++) {
        char name[FILE_NAME_MAX];
        file *f;
        uint64_t size;
        file_name(name, s->index.segments[i].number, "seg");
        int result = open_file(s, name, s->index.segments[i].number, 0, &f, &size, why);
        if (result > 0)
            return because(why, "opening", name, "INDEX names it, and it is not there");
        if (result != 0 || load(s, f, size, name, why) != 0)
            return -1;
        if (f->size != size || size != s->index.segments[i].size)
            return because(why, "reading", name, "it is damaged");
    }
    return 0;
}

/* Reads the logs in order up to the first damage, and cuts that off. */
static int load_logs(store *s, char why[STORE_ERROR_MAX])
{
    char name[FILE_NAME_MAX];
    s->last_seq = s->index.sealed_seq;
    for (uint64_t number = s->index.log_from;; number++) {
        file *f;
        uint64_t size;
        file_name(name, number, "log");
        int result = open_file(s, name, number, 1, &f, &size, why);
        if (result > 0)
            break;
        if (result != 0 || load(s, f, size, name, why) != 0)
            return -1;
        if (s->log != NULL)
            s->closed_logs++;
        s->log = f;
        f->last_seq = s->last_seq;
        if (f->size == size)
            continue;
        s->torn_bytes += size - f->size;
        if (ftruncate(f->fd, (off_t)f->size) != 0)
            return because(why, "cutting the torn end off", name, strerror(errno));
        break;
    }
    if (s->log == NULL && store_new_log(s, s->index.log_from) != 0)
        return because(why, "making the first log in place of", name, strerror(errno));
    return 0;
}

static int is_live(const store *s, uint64_t number, const char *kind)
{
    for (const file *f = s->files; f != NULL; f = f->next)
        if (f->number == number && strcmp(kind, f->is_log ? "log" : "seg") == 0)
            return 1;
    return 0;
}

/* Calls `use` for each file of the store that is not live. */
static int each_leftover(store *s, int (*use)(store *, const char *, uint64_t, const char *))
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    int result = 0;
    const struct dirent *entry;
    while (errno = 0, result == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number;
        char kind[4];
        if (file_name_parse(entry->d_name, &number, kind) && !is_live(s, number, kind))
            result = use(s, entry->d_name, number, kind);
    }
    if (result == 0 && errno != 0)
        result = -1;
    int error = errno;
    (void)closedir(dir);
    errno = error;
    return result;
}

/* Files that INDEX no longer names or did not name yet, and logs beyond a torn one. */
static int delete_leftover(store *s, const char *name, uint64_t number, const char *kind)
{
    struct stat st;
    if (strcmp(kind, "log") == 0 && number > s->log->number) {
        if (fstatat(s->dir_fd, name, &st, 0) != 0)
            return -1;
        s->torn_bytes += (uint64_t)st.st_size;
    }
    return unlinkat(s->dir_fd, name, 0);
}

static int refuse(store *s, const char *name, uint64_t number, const char *kind)
{
    (void)s, (void)name, (void)number, (void)kind;
    errno = EEXIST;
    return -1;
}

static int open_index(store *s, char why[STORE_ERROR_MAX])
{
    s->index_fd = openat(s->dir_fd, "INDEX", O_RDWR | O_CLOEXEC);
    if (s->index_fd < 0 && errno == ENOENT) {
        /* Only an empty directory becomes a new store: logs without an INDEX are a broken one. */
        if (each_leftover(s, refuse) != 0 || index_create(s->dir_fd) != 0)
            return because(why, "making", "INDEX", strerror(errno));
        s->index_fd = openat(s->dir_fd, "INDEX", O_RDWR | O_CLOEXEC);
    }
    if (s->index_fd < 0)
        return because(why, "opening", "INDEX", strerror(errno));
    int result = index_read(s->index_fd, &s->index);
    if (result != 0)
        return because(why, "reading", "INDEX", result < 0 ? strerror(errno) : "it is damaged");
    return 0;
}

int store_recover(store *s, char why[STORE_ERROR_MAX])
{
    if (open_index(s, why) != 0 || load_segments(s, why) != 0 || load_logs(s, why) != 0)
        return -1;
    /* Deleted by what is durable, not by an edit that a power failure could still take back. */
    if (fdatasync(s->index_fd) != 0)
        return because(why, "syncing", "INDEX", strerror(errno));
    if (each_leftover(s, delete_leftover) != 0)
        return because(why, "deleting", "leftovers", strerror(errno));
    return 0;
}

/*
 * Without hooks: a directory that nobody writes to is backed up all the same, since the library
 * can see that nothing changed while it read. One that is being written to is refused with
 * BACKUP_SOURCE_CHANGED, never copied half.
 *
 * Time stamps are coarse on some file systems, so a file counts as quiet only when its last change
 * lies some two seconds back. Therefore this takes a while.
 *
 * This suits files that are replaced or rewritten by a program of its own. A database that is
 * always busy needs a freeze hook (quickstart.c), and so does one that writes through a mapping:
 * such changes do not show in time stamps at once.
 */
#include <hotbackup.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

static int failed(const char *what, backup_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, backup_code_name(backup_error_code(error)),
            backup_error_message(error));
    backup_error_free(error);
    return -1;
}

/* One backup, which has to end with `expected`. */
static int back_up(backup_coordinator *coordinator, const char *what, backup_code expected)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    double began = example_seconds();
    if (backup_start(coordinator, &job, &error) != BACKUP_OK)
        return failed(what, error);
    backup_code code = backup_wait(job, -1, &error);
    printf("%s: %s after %.1f s: %s\n", what, backup_code_name(code), example_seconds() - began,
           code == BACKUP_OK ? backup_location(job) : backup_error_message(error));
    backup_error_free(error);
    backup_free(job);
    if (code == expected)
        return 0;
    fprintf(stderr, "WRONG: it should have been %s\n", backup_code_name(expected));
    return -1;
}

/* Rewrites the start of a file again and again, until it is told to stop. */
typedef struct scribbler {
    const char *path;
    pthread_t thread;
    atomic_int stop;
    int error;
} scribbler;

static void *scribble(void *argument)
{
    scribbler *s = argument;
    int fd = open(s->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        s->error = errno;
        return NULL;
    }
    for (unsigned count = 0; !atomic_load(&s->stop) && s->error == 0; count++) {
        if (pwrite(fd, &count, sizeof count, 0) != (ssize_t)sizeof count)
            s->error = errno != 0 ? errno : EIO;
        example_sleep(0.02);
    }
    if (close(fd) != 0)
        s->error = errno;
    return NULL;
}

static int busy_backup(backup_coordinator *coordinator, const char *path)
{
    scribbler s = {.path = path};
    atomic_init(&s.stop, 0);
    int error = pthread_create(&s.thread, NULL, scribble, &s);
    if (error != 0) {
        fprintf(stderr, "starting a thread: %s\n", strerror(error));
        return -1;
    }
    int result = back_up(coordinator, "while it is written to", BACKUP_SOURCE_CHANGED);
    atomic_store(&s.stop, 1);
    error = pthread_join(s.thread, NULL);
    if (error == 0)
        error = s.error;
    if (error != 0) {
        fprintf(stderr, "the writer: %s\n", strerror(error));
        result = -1;
    }
    return result;
}

static int run(const char *data, const char *page_file)
{
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    /* No options at all: every file is `mutable`, and snapshots go to data/.lifecycle/backup. */
    if (backup_coordinator_open(data, NULL, &coordinator, &error) != BACKUP_OK)
        return failed("opening the coordinator", error);
    int result = back_up(coordinator, "at rest", BACKUP_OK);
    if (result == 0)
        result = busy_backup(coordinator, page_file);
    if (result == 0)
        result = back_up(coordinator, "at rest again", BACKUP_OK);
    int snapshots = example_count(backup_coordinator_root(coordinator), "ts-");
    backup_coordinator_close(coordinator);
    if (result == 0 && snapshots != 2) {
        fprintf(stderr, "WRONG: there are %d snapshots instead of two\n", snapshots);
        result = -1;
    }
    return result;
}

int main(int argc, char **argv)
{
    char dir[EXAMPLE_PATH], data[EXAMPLE_PATH], page_file[EXAMPLE_PATH], other[EXAMPLE_PATH];
    if (example_directory(argc, argv, "quiet", dir) != 0)
        return 1;
    example_path(data, dir, "data");
    example_path(page_file, data, "pages.db");
    example_path(other, data, "settings.json");
    if (example_mkdir(data) != 0 || example_write(page_file, 4u << 20) != 0 ||
        example_write(other, 1000) != 0)
        return 1;
    return run(data, page_file) == 0 ? 0 : 1;
}

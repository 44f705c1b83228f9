/*
 * A backup in an event loop: no thread waits for it. backup_eventfd gives a descriptor that
 * becomes readable when the job has ended, to be polled beside the program's own, here a timer.
 */
#include <hotbackup.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "example.h"

#define MEGABYTE (1024u * 1024u)

static int failed(const char *what, backup_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, backup_code_name(backup_error_code(error)),
            backup_error_message(error));
    backup_error_free(error);
    return -1;
}

static int failed_call(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

/* The program's own work: five times a second, and a backup under way does not disturb it. */
static int on_timer(int timer, const backup_job *job, unsigned *ticks)
{
    uint64_t expirations;
    backup_error *error = NULL;
    backup_progress p;
    if (read(timer, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return failed_call("reading the timer");
    if (backup_status(job, &p, sizeof p, &error) != BACKUP_OK)
        return failed("status", error);
    ++*ticks;
    printf("tick %u: the backup is at %" PRIu32 "%%, %" PRIu64 " of %" PRIu64 " bytes\n", *ticks,
           p.percent, p.bytes_done, p.bytes_total);
    return 0;
}

/* The job has ended: backup_wait does not wait any more, but says how. */
static int on_end(const backup_job *job)
{
    backup_error *error = NULL;
    if (backup_wait(job, 0, &error) != BACKUP_OK)
        return failed("backup", error);
    printf("the backup has ended: %s\n", backup_location(job));
    return 0;
}

static int loop(int timer, const backup_job *job)
{
    unsigned ticks = 0;
    struct pollfd watched[] = {
        {.fd = timer, .events = POLLIN},
        /* The job's own: it is polled, never read, never closed, and goes with the handle. */
        {.fd = backup_eventfd(job), .events = POLLIN},
    };
    if (watched[1].fd < 0) {
        fprintf(stderr, "no event descriptor to be had: this program would poll backup_status\n");
        return -1;
    }
    for (;;) {
        if (poll(watched, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return failed_call("poll");
        }
        if (watched[0].revents != 0 && on_timer(timer, job, &ticks) != 0)
            return -1;
        if (watched[1].revents != 0)
            break;
    }
    if (ticks == 0) {
        fprintf(stderr, "the backup held up the loop: there was no tick\n");
        return -1;
    }
    return on_end(job);
}

static int run_with(backup_coordinator *coordinator)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    const struct itimerspec often = {.it_interval.tv_nsec = 200000000,
                                     .it_value.tv_nsec = 200000000};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0)
        return failed_call("making a timer");
    int result = 0;
    if (timerfd_settime(timer, 0, &often, NULL) != 0)
        result = failed_call("starting the timer");
    else if (backup_start(coordinator, &job, &error) != BACKUP_OK)
        result = failed("starting the backup", error);
    else
        result = loop(timer, job);
    backup_free(job);
    if (close(timer) != 0)
        result = failed_call("closing the timer");
    return result;
}

static int run(const char *data)
{
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    backup_options *options = backup_options_new();
    backup_code code = backup_options_add_rule(options, "*.table", BACKUP_FILE_IMMUTABLE, &error);
    if (code == BACKUP_OK) /* about two seconds, to have something to watch */
        code = backup_options_set_rate_limit(options, 4 * MEGABYTE, &error);
    if (code == BACKUP_OK)
        code = backup_coordinator_open(data, options, &coordinator, &error);
    backup_options_free(options);
    if (code != BACKUP_OK)
        return failed("opening the coordinator", error);
    int result = run_with(coordinator);
    backup_coordinator_close(coordinator);
    return result;
}

int main(int argc, char **argv)
{
    char dir[EXAMPLE_PATH], data[EXAMPLE_PATH], table[EXAMPLE_PATH];
    if (example_directory(argc, argv, "events", dir) != 0)
        return 1;
    example_path(data, dir, "data");
    example_path(table, data, "1.table");
    if (example_mkdir(data) != 0 || example_write(table, 8 * MEGABYTE) != 0)
        return 1;
    return run(data) == 0 ? 0 : 1;
}

/* The descriptor of a job becomes readable when it has ended, and stays so. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>

static bool readable(int descriptor, int timeout_ms) {
    struct pollfd watched = {.fd = descriptor, .events = POLLIN};
    int ready = poll(&watched, 1, timeout_ms);
    CHECK(ready >= 0 && !(watched.revents & (POLLERR | POLLNVAL)));
    return ready == 1;
}

static void it_is_readable_once_the_job_has_ended_and_stays_so(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    int descriptor = backup_eventfd(job);
    CHECK(descriptor >= 0 && !readable(descriptor, 20));
    gate_open(&gate);
    CHECK(readable(descriptor, -1));
    SUCCEEDS(backup_wait(job, 0, &error));
    CHECK(readable(descriptor, 0) && readable(descriptor, 0));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void every_handle_gives_the_same_one(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = NULL, *same = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    SUCCEEDS(backup_find(coordinator, NULL, &same, &error));
    int descriptor = backup_eventfd(job);
    CHECK(backup_eventfd(job) == descriptor && backup_eventfd(same) == descriptor);
    backup_free(job);
    CHECK(readable(descriptor, 0));
    backup_free(same);
    backup_coordinator_close(coordinator);
}

static void that_of_an_ended_job_is_readable_at_once(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    CHECK(readable(backup_eventfd(job), 0));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void a_failed_job_is_readable_too(void) {
    backup_job *job = NULL;
    SUCCEEDS(backup_verify_start("/no/such/snapshot", NULL, &job, &error));
    CHECK(readable(backup_eventfd(job), -1));
    FAILS(BACKUP_NOT_FOUND, backup_wait(job, 0, &error));
    backup_free(job);
}

static void it_goes_with_the_last_handle_and_a_copy_stays(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    int descriptor = backup_eventfd(job), copy = dup(descriptor);
    CHECK(fcntl(descriptor, F_GETFD) == FD_CLOEXEC);
    backup_free(job);
    backup_coordinator_close(coordinator);
    CHECK(fcntl(descriptor, F_GETFD) == -1);
    CHECK(readable(copy, 0));
    close(copy);
}

/* A daemon has closed 0 to 2, and something prints there all the same. */
static void what_is_printed_in_a_daemon_does_not_make_it_readable(void) {
    int kept[3];
    for (int stream = 0; stream < 3; stream++) {
        kept[stream] = fcntl(stream, F_DUPFD, 10);
        close(stream);
    }
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = NULL;
    backup_code started = backup_start(coordinator, &job, NULL);
    int descriptor = backup_eventfd(job);
    gate_await(&gate);
    ssize_t printed = 0;
    for (int stream = 0; stream < 3; stream++) printed += write(stream, "a line of a daemon\n", 19) > 0;
    bool is_readable = readable(descriptor, 20);
    gate_open(&gate);
    backup_code ended = backup_wait(job, -1, NULL);
    bool readable_in_the_end = readable(descriptor, -1);
    for (int stream = 0; stream < 3; stream++) dup2(kept[stream], stream), close(kept[stream]);
    CHECK(started == BACKUP_OK && ended == BACKUP_OK);
    CHECK(descriptor > 2 && printed == 0 && !is_readable && readable_in_the_end);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(it_is_readable_once_the_job_has_ended_and_stays_so);
    TRY(every_handle_gives_the_same_one);
    TRY(that_of_an_ended_job_is_readable_at_once);
    TRY(a_failed_job_is_readable_too);
    TRY(it_goes_with_the_last_handle_and_a_copy_stays);
    TRY(what_is_printed_in_a_daemon_does_not_make_it_readable);
    return 0;
}

/* What a guest leaves of its host: threads, descriptors, signals, umask, and the locks on the files of a database. */
#include "../../../../tests/c/leaves_nothing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hotbackup_remote.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TIMES 8

static int32_t tell(void *user_data, backup_secret *secret) {
    (void) user_data;
    return backup_secret_set(secret, "open sesame", 11, NULL);
}

static backup_remote *remote_at(const char *url, const char *const *settings) {
    backup_remote_options *options = backup_remote_options_new();
    SUCCEEDS(backup_remote_options_set_password_hook(options, tell, NULL, NULL, &error));
    for (; settings && *settings; settings += 2)
        SUCCEEDS(backup_remote_options_set(options, settings[0], settings[1], &error));
    backup_remote *remote = NULL;
    SUCCEEDS(backup_remote_open(url, options, &remote, &error));
    backup_remote_options_free(options);
    return remote;
}

static char repository[600];

static backup_remote *open_repository(void) {
    static int is_made;
    snprintf(repository, sizeof repository, "file://%s", in(scratch, "repository").text);
    backup_remote *remote = remote_at(repository, NULL);
    if (!is_made++) SUCCEEDS(backup_remote_init(remote, &error));
    return remote;
}

static struct path data;

/* Waits for a job and frees it. */
static backup_code end_of(backup_job *job) {
    backup_code code = backup_wait(job, -1, &error);
    backup_free(job);
    return code;
}

static void push_and_restore(void) {
    backup_coordinator *coordinator = open_with(data, options_of_tables());
    struct path snapshot = snapshot_of(coordinator), target = in(scratch, "restored");
    backup_coordinator_close(coordinator);
    backup_remote *remote = open_repository();
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_push_start(remote, snapshot.text, NULL, &job, &error));
    CHECK(backup_eventfd(job) >= 0);
    SUCCEEDS(end_of(job));
    SUCCEEDS(backup_remote_restore_start(remote, "latest", target.text, NULL, &job, &error));
    SUCCEEDS(end_of(job));
    CHECK(file_holds(in(target, "1.sst"), "immutable"));
    backup_remote_close(remote);
}

/* A server that hangs up on whoever calls, with a reset. */
static int listening = -1;
static struct sockaddr_in address;

static void *hang_up(void *unused) {
    struct linger at_once = {1, 0};
    for (int caller; (caller = accept(listening, NULL, NULL)) >= 0; close(caller))
        setsockopt(caller, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return unused;
}

static void call_who_hangs_up(void) {
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", ntohs(address.sin_port));
    const char *const settings[] = {"endpoint", endpoint,   "region",  "here", "access_key", "key",
                                    "secret_key", "secret", "retries", "1",    NULL};
    backup_remote *remote = remote_at("s3://bucket/db", settings);
    backup_remote_list *list = NULL;
    FAILS(BACKUP_UNREACHABLE, backup_remote_list_open(remote, NULL, &list, &error));
    backup_remote_close(remote);
}

static void no_thread_and_no_descriptor_outlives_a_remote(void) {
    data = database();
    leaves_nothing(push_and_restore, TIMES);
    leaves_nothing(call_who_hangs_up, TIMES);
}

static void a_host_keeps_its_signals_and_its_umask(void) {
    struct sigaction before[32], after;
    sigset_t blocked_before, blocked_after;
    mode_t mask = umask(0027);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked_before) == 0);
    for (int number = 1; number < 32; number++) CHECK(sigaction(number, NULL, &before[number]) == 0);
    CHECK(before[SIGPIPE].sa_handler == SIG_DFL);
    push_and_restore();
    call_who_hangs_up();
    for (int number = 1; number < 32; number++) {
        CHECK(sigaction(number, NULL, &after) == 0);
        CHECK(after.sa_handler == before[number].sa_handler && after.sa_flags == before[number].sa_flags);
    }
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked_after) == 0);
    for (int number = 1; number < 32; number++)
        CHECK(sigismember(&blocked_before, number) == sigismember(&blocked_after, number));
    CHECK(umask(mask) == 0027);
}

/* A lock of fcntl(2) is the process's, and goes with the first descriptor of its file that is closed in it. */
static void a_lock_on_a_live_table_stays_while_its_checkpoint_is_pushed(void) {
    struct path directory = database(), table = in(directory, "1.sst");
    int held = open(table.text, O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(held >= 0 && fcntl(held, F_SETLK, &lock) == 0);
    backup_coordinator *coordinator = open_with(directory, options_of_tables());
    backup_job *job = NULL;
    SUCCEEDS(backup_checkpoint_run(coordinator, BACKUP_CHECKPOINT_LINKS_ARE_SAFE, &job, &error));
    struct path checkpoint;
    snprintf(checkpoint.text, sizeof checkpoint.text, "%s", backup_location(job));
    backup_free(job);
    struct stat live, linked;
    CHECK(stat(table.text, &live) == 0 && stat(in(checkpoint, "1.sst").text, &linked) == 0);
    CHECK(live.st_ino == linked.st_ino);
    backup_remote *remote = open_repository();
    SUCCEEDS(backup_remote_push_start(remote, checkpoint.text, NULL, &job, &error));
    SUCCEEDS(end_of(job));
    CHECK(!exists(checkpoint));
    backup_remote_close(remote);
    backup_coordinator_close(coordinator);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct flock others = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _exit(fcntl(held, F_GETLK, &others) == 0 && others.l_type == F_WRLCK ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(held);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CHECK(listening >= 0 && bind(listening, (struct sockaddr *) &address, length) == 0);
    CHECK(getsockname(listening, (struct sockaddr *) &address, &length) == 0 && listen(listening, 8) == 0);
    pthread_t server;
    CHECK(pthread_create(&server, NULL, hang_up, NULL) == 0);
    TRY(no_thread_and_no_descriptor_outlives_a_remote);
    TRY(a_host_keeps_its_signals_and_its_umask);
    TRY(a_lock_on_a_live_table_stays_while_its_checkpoint_is_pushed);
    return 0;
}

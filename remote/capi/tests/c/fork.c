/* A child that was forked may let go of its parent's handles, is refused what they would do, and opens its own. */
#include "../../../../tests/c/check.h"

#include <hotbackup_remote.h>
#include <sys/wait.h>

static int32_t tell(void *user_data, backup_secret *secret) {
    (void) user_data;
    return backup_secret_set(secret, "open sesame", 11, NULL);
}

static backup_remote_options *options_of_this_process(void) {
    backup_remote_options *options = backup_remote_options_new();
    SUCCEEDS(backup_remote_options_set_password_hook(options, tell, NULL, NULL, &error));
    return options;
}

static int in_the_child(const char *url, backup_remote *remote, backup_remote_options *options) {
    FAILS(BACKUP_CONFLICT, backup_remote_init(remote, &error));
    backup_remote_list *list = NULL;
    FAILS(BACKUP_CONFLICT, backup_remote_list_open(remote, NULL, &list, &error));
    backup_remote *own = NULL;
    SUCCEEDS(backup_remote_open(url, options, &own, &error));
    FAILS(BACKUP_CONFLICT, backup_remote_list_open(own, NULL, &list, &error));
    backup_remote_close(own);
    backup_remote_options *other = options_of_this_process();
    SUCCEEDS(backup_remote_open(url, other, &own, &error));
    SUCCEEDS(backup_remote_list_open(own, NULL, &list, &error));
    CHECK(backup_remote_list_count(list) == 0);
    backup_remote_list_free(list);
    backup_remote_close(own);
    backup_remote_options_free(other);
    backup_remote_close(remote);
    backup_remote_options_free(options);
    return 0;
}

static void a_child_is_refused_its_parents_remote_and_opens_its_own(void) {
    char url[600];
    snprintf(url, sizeof url, "file://%s", in(scratch, "repository").text);
    backup_remote_options *options = options_of_this_process();
    backup_remote *remote = NULL;
    SUCCEEDS(backup_remote_open(url, options, &remote, &error));
    SUCCEEDS(backup_remote_init(remote, &error));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(in_the_child(url, remote, options));
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    const char *id = NULL;
    SUCCEEDS(backup_remote_repository_id(remote, &id, &error));
    backup_remote_close(remote);
    backup_remote_options_free(options);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(a_child_is_refused_its_parents_remote_and_opens_its_own);
    return 0;
}

/* Backs up a directory, and restores the snapshot elsewhere:  forty <directory> <target> */
#include <hotbackup.h>
#include <inttypes.h>
#include <stdio.h>

static int32_t print(void *user_data, const backup_progress *now, backup_hook *hook)
{
    (void)user_data, (void)hook;
    fprintf(stderr, "\r%3" PRIu32 " %% of %" PRIu64 " bytes ", now->percent, now->bytes_total);
    return 0; /* go on */
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: %s <directory> <target>\n", argv[0]), 2;
    backup_options *options = backup_options_new();
    backup_coordinator *coordinator = NULL;
    backup_job *backup = NULL, *restore = NULL;
    backup_error *error = NULL;

    if (backup_options_set_progress_hook(options, print, NULL, NULL, &error) == BACKUP_OK
        && backup_coordinator_open(argv[1], options, &coordinator, &error) == BACKUP_OK
        && backup_start(coordinator, &backup, &error) == BACKUP_OK
        && backup_wait(backup, -1, &error) == BACKUP_OK
        && backup_restore_start(backup_location(backup), argv[2], options, &restore, &error) == BACKUP_OK
        && backup_wait(restore, -1, &error) == BACKUP_OK)
        printf("\nbacked up to %s, restored to %s\n", backup_location(backup), backup_location(restore));
    else
        fprintf(stderr, "%s\n", backup_error_message(error));

    int failed = error != NULL;
    backup_error_free(error);
    backup_free(restore);
    backup_free(backup);
    backup_coordinator_close(coordinator);
    backup_options_free(options);
    return failed;
}

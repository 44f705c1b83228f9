/* A root is pruned by a policy, which says of each snapshot why it stays or goes. */
#include "check.h"

#define INVALID(call) FAILS(BACKUP_INVALID_ARGUMENT, call)
#define UNTOUCHED ((backup_verdicts *) 0x10)
#define COUNT 4

/* A root with some snapshots, and where they are: the oldest first. */
struct series {
    struct path root, locations[COUNT];
    char ids[COUNT][40];
};

static struct series series_of_backups(void) {
    struct series series;
    backup_coordinator *coordinator = open_with(database(), quick_options());
    snprintf(series.root.text, sizeof series.root.text, "%s", backup_coordinator_root(coordinator));
    for (int i = 0; i < COUNT; i++) {
        backup_job *job = NULL;
        SUCCEEDS(backup_run(coordinator, &job, &error));
        snprintf(series.ids[i], sizeof series.ids[i], "%s", backup_id(job));
        snprintf(series.locations[i].text, sizeof series.locations[i].text, "%s", backup_location(job));
        backup_free(job);
    }
    backup_coordinator_close(coordinator);
    return series;
}

static bool says(const backup_verdicts *verdicts, size_t index, int32_t goes, const char *reasons) {
    return backup_verdicts_goes(verdicts, index) == goes
        && strcmp(backup_verdicts_reasons(verdicts, index), reasons) == 0;
}

static void a_plan_says_what_a_prune_then_does(void) {
    struct series series = series_of_backups();
    backup_retention *retention = backup_retention_new();
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_NEWEST, 2, &error));
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_YEARLY, 1, &error));
    for (int i = 0; i < 2; i++) {
        backup_verdicts *verdicts = NULL;
        if (i == 0)
            SUCCEEDS(backup_retention_plan(series.root.text, retention, &verdicts, &error));
        else
            SUCCEEDS(backup_prune_by(series.root.text, retention, &verdicts, &error));
        CHECK(backup_verdicts_count(verdicts) == COUNT);
        CHECK(says(verdicts, 0, 0, "newest 1 of 2, yearly 1 of 1, the newest good one"));
        CHECK(says(verdicts, 1, 0, "newest 2 of 2"));
        CHECK(says(verdicts, 2, 1, "no rule keeps it") && says(verdicts, 3, 1, "no rule keeps it"));
        for (size_t at = 0; at < COUNT; at++) {
            size_t made = COUNT - 1 - at;
            CHECK(strcmp(backup_verdicts_id(verdicts, at), series.ids[made]) == 0);
            CHECK(strcmp(backup_verdicts_location(verdicts, at), series.locations[made].text) == 0);
            CHECK(exists(series.locations[made]) == (i == 0 || at < 2));
        }
        CHECK(!backup_verdicts_id(verdicts, COUNT) && !backup_verdicts_location(verdicts, COUNT));
        CHECK(!backup_verdicts_reasons(verdicts, COUNT) && backup_verdicts_goes(verdicts, COUNT) == 0);
        backup_verdicts_free(verdicts);
    }
    backup_retention_free(retention);
}

static void each_kind_of_rule_keeps(void) {
    struct series series = series_of_backups();
    static const int32_t rules[] = {BACKUP_KEEP_NEWEST, BACKUP_KEEP_HOURLY, BACKUP_KEEP_DAILY,
                                    BACKUP_KEEP_WEEKLY, BACKUP_KEEP_MONTHLY, BACKUP_KEEP_YEARLY};
    static const char *const words[] = {"newest 1 of 3", "hourly 1 of 3", "daily 1 of 3",
                                        "weekly 1 of 3", "monthly 1 of 3", "yearly 1 of 3"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        backup_retention *retention = backup_retention_new();
        backup_verdicts *verdicts = NULL;
        SUCCEEDS(backup_retention_keep(retention, rules[i], 3, &error));
        SUCCEEDS(backup_retention_plan(series.root.text, retention, &verdicts, &error));
        CHECK(strstr(backup_verdicts_reasons(verdicts, 0), words[i]));
        backup_verdicts_free(verdicts);
        backup_retention_free(retention);
    }
    backup_retention *retention = backup_retention_new();
    backup_verdicts *verdicts = NULL;
    SUCCEEDS(backup_retention_keep_within_ms(retention, 3600000, &error));
    SUCCEEDS(backup_retention_keep_tag(retention, "release", &error));
    SUCCEEDS(backup_prune_by(series.root.text, retention, &verdicts, &error));
    CHECK(says(verdicts, COUNT - 1, 0, "within 1 hour"));
    backup_verdicts_free(verdicts);
    backup_retention_free(retention);
}

static void a_policy_without_a_rule_is_refused(void) {
    struct series series = series_of_backups();
    backup_verdicts *verdicts = UNTOUCHED;
    backup_retention *retention = backup_retention_new();
    INVALID(backup_prune_by(series.root.text, retention, &verdicts, &error));
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_DAILY, 3, &error));
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_DAILY, 0, &error));
    SUCCEEDS(backup_retention_keep_within_ms(retention, 0, &error));
    INVALID(backup_retention_plan(series.root.text, retention, &verdicts, &error));
    INVALID(backup_prune_by(series.root.text, retention, &verdicts, &error));
    CHECK(verdicts == UNTOUCHED && exists(series.locations[0]));
    backup_retention_free(retention);
}

static void bad_arguments_are_refused(void) {
    backup_retention *retention = backup_retention_new();
    backup_verdicts *verdicts = UNTOUCHED;
    INVALID(backup_retention_keep(NULL, BACKUP_KEEP_NEWEST, 1, &error));
    INVALID(backup_retention_keep(retention, 0, 1, &error));
    INVALID(backup_retention_keep(retention, BACKUP_KEEP_YEARLY + 1, 1, &error));
    INVALID(backup_retention_keep_within_ms(NULL, 1, &error));
    INVALID(backup_retention_keep_tag(NULL, "x", &error));
    INVALID(backup_retention_keep_tag(retention, NULL, &error));
    INVALID(backup_retention_keep_tag(retention, "\xff", &error));
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_NEWEST, UINT32_MAX, &error));
    INVALID(backup_retention_plan(NULL, retention, &verdicts, &error));
    INVALID(backup_retention_plan("/r", NULL, &verdicts, &error));
    INVALID(backup_retention_plan("/r", retention, NULL, &error));
    INVALID(backup_prune_by("", retention, &verdicts, &error));
    INVALID(backup_prune_by("/r", NULL, &verdicts, &error));
    INVALID(backup_prune_by("/r", retention, NULL, &error));
    FAILS(BACKUP_NOT_FOUND, backup_prune_by(in(scratch, "nowhere").text, retention, &verdicts, &error));
    CHECK(verdicts == UNTOUCHED);
    CHECK(backup_verdicts_count(NULL) == 0 && backup_verdicts_goes(NULL, 0) == 0);
    CHECK(!backup_verdicts_id(NULL, 0) && !backup_verdicts_location(NULL, 0));
    CHECK(!backup_verdicts_reasons(NULL, 0));
    backup_verdicts_free(NULL);
    backup_retention_free(NULL);
    backup_retention_free(retention);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(a_plan_says_what_a_prune_then_does);
    TRY(each_kind_of_rule_keeps);
    TRY(a_policy_without_a_rule_is_refused);
    TRY(bad_arguments_are_refused);
    return 0;
}

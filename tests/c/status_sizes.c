/* backup_status fills what both sides know, and zeroes the rest of the caller's struct. */
#include "check.h"

static backup_job *job;

static void the_size_of_this_header_is_filled_whole(void) {
    backup_progress progress;
    memset(&progress, 0xff, sizeof progress);
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.size == sizeof progress && progress.reserved == 0);
    CHECK(progress.kind == BACKUP_KIND_BACKUP && progress.state == BACKUP_STATE_COMPLETED);
    CHECK(progress.phase == BACKUP_PHASE_NONE && progress.percent == 100);
    CHECK(progress.started_at_ms > 0 && progress.finished_at_ms >= progress.started_at_ms);
}

static void the_struct_has_no_holes(void) {
    CHECK(offsetof(backup_progress, bytes_total) == 6 * sizeof(uint32_t));
    CHECK(sizeof(backup_progress) == 6 * sizeof(uint32_t) + 13 * sizeof(uint64_t));
}

static void a_newer_host_finds_zeroes_where_this_library_knows_nothing(void) {
    struct {
        backup_progress known;
        uint64_t newer[3], beyond;
    } progress;
    memset(&progress, 0xff, sizeof progress);
    size_t size = offsetof(__typeof__(progress), beyond);
    SUCCEEDS(backup_status(job, &progress.known, size, &error));
    CHECK(progress.known.size == sizeof progress.known);
    CHECK(progress.newer[0] == 0 && progress.newer[1] == 0 && progress.newer[2] == 0);
    CHECK(progress.beyond == UINT64_MAX);
}

static void an_older_host_gets_nothing_beyond_its_struct(void) {
    for (size_t size = 8; size < sizeof(backup_progress); size++) {
        unsigned char bytes[sizeof(backup_progress)];
        backup_progress progress;
        memset(bytes, 0xff, sizeof bytes);
        SUCCEEDS(backup_status(job, (backup_progress *) bytes, size, &error));
        memcpy(&progress, bytes, sizeof progress);
        CHECK(progress.size <= size && progress.size > size - 8 && progress.size % 8 == 0);
        CHECK(progress.kind == BACKUP_KIND_BACKUP);
        for (size_t i = progress.size; i < sizeof bytes; i++) CHECK(bytes[i] == (i < size ? 0 : 0xff));
    }
}

static void sizes_that_no_struct_has_are_refused(void) {
    backup_progress progress;
    memset(&progress, 0xff, sizeof progress);
    for (size_t size = 0; size < 8; size++)
        FAILS(BACKUP_INVALID_ARGUMENT, backup_status(job, &progress, size, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_status(job, &progress, SIZE_MAX, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_status(job, NULL, sizeof progress, &error));
    CHECK(progress.size == UINT32_MAX && progress.finished_at_ms == UINT64_MAX);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    backup_coordinator *coordinator = open_plain(database());
    SUCCEEDS(backup_run(coordinator, &job, &error));
    TRY(the_size_of_this_header_is_filled_whole);
    TRY(the_struct_has_no_holes);
    TRY(a_newer_host_finds_zeroes_where_this_library_knows_nothing);
    TRY(an_older_host_gets_nothing_beyond_its_struct);
    TRY(sizes_that_no_struct_has_are_refused);
    backup_free(job);
    backup_coordinator_close(coordinator);
    return 0;
}

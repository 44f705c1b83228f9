/*
 * SQLite, backed up while a thread and another process write to it and a third runs checkpoints.
 * Each snapshot is restored, opened by SQLite, checked by it, and compared row by row with what was
 * committed before the freeze.
 *
 *     make -C examples-c sqlite      or: build/sqlite [--rounds N] [--only VARIANT] [directory]
 *
 * --break row, wal, lock, validator or freeze breaks something that must then be found.
 *
 * In every journal mode the freeze is a transaction that holds the writer's lock and writes
 * nothing, which stops the writers of all processes:
 *
 *  * Rollback modes (DELETE, TRUNCATE, PERSIST): BEGIN IMMEDIATE takes RESERVED. Whoever commits
 *    holds that until the commit is over, so none is half done and no journal is hot; and nobody
 *    can begin one, since pages are written only by the holder of RESERVED. The whole database is
 *    copied in the window.
 *  * WAL, the simple way: BEGIN IMMEDIATE takes the log's writer lock. Nothing is appended to the
 *    log and nobody can start it anew. Database and log are copied in the window. A checkpoint may
 *    go on meanwhile: what it writes to the database is in the log too, and the log counts.
 *  * WAL with the smallest window: only the freeze's length of the log is needed inside it, and
 *    both files are read after it. See pin() and name_files().
 */
#include <hotbackup.h>

#include <string.h>
#include <unistd.h>

#include "sqlite_db.h"

typedef struct variant {
    const char *name, *journal_mode;
    int wal, pinned;
} variant;

static const variant variants[] = {
    {"wal", "WAL", 1, 0},           {"wal-pinned", "WAL", 1, 1},    {"delete", "DELETE", 0, 0},
    {"truncate", "TRUNCATE", 0, 0}, {"persist", "PERSIST", 0, 0},
};

typedef struct host {
    const variant *variant;
    const char *broken;
    char db[EXAMPLE_PATH], scratch[EXAMPLE_PATH];
    sqlite3 *gate;         /* its transaction is the freeze */
    sqlite3 *reader;       /* its transaction pins, from checkpoint to release */
    sqlite3 *checkpointer; /* asks how far the log is; cannot be one that has a transaction */
    sqlite3_int64 page_size;
    int held;            /* the program itself holds the gate's transaction, over a whole backup */
    uint64_t frozen_seq; /* the last commit that the snapshot has to hold */
    double stopped_at;
    host_times stops;
    unsigned alone, with_log, in_window; /* how the pinned database was captured */
    host_model model;
} host;

static int32_t hook_failed(backup_hook *hook, const char *why)
{
    backup_hook_set_error(hook, why, NULL, NULL);
    return -1;
}

/* --- The hooks of the smallest window --- */

/* Copies the log's frames into the database, as far as readers let it, waiting for nobody.
 * SQLITE_BUSY: another one is at it; then log and done are -1. */
static int passive_checkpoint(host *h, int *log, int *done)
{
    *log = *done = -1;
    return sqlite3_wal_checkpoint_v2(h->checkpointer, NULL, SQLITE_CHECKPOINT_PASSIVE, log, done);
}

/* The checkpoint hook: a read transaction that stays open until release. While it is open,
 *
 *  * no checkpoint writes to the database what was committed after it began: the file stays as it
 *    is, once all that was committed before is in it;
 *  * nobody starts a log anew that holds a frame which is not in the database.
 *
 * So from here on each commit is in the database or stays in the log, whoever runs checkpoints. */
static int32_t pin(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    uint64_t seq;
    int log, done;
    int code = passive_checkpoint(h, &log, &done); /* most of it, ahead */
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        return hook_failed(hook, sqlite3_errmsg(h->checkpointer));
    /* BEGIN alone begins nothing: a read does. */
    if (db_exec(h->reader, "BEGIN") != 0 || db_seq(h->reader, &seq) != 0) {
        (void)hook_failed(hook, sqlite3_errmsg(h->reader));
        (void)db_exec(h->reader, "ROLLBACK");
        return -1;
    }
    (void)passive_checkpoint(h, &log, &done); /* the rest, so that the freeze need not write it */
    return 0;
}

static int32_t release(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    return db_exec(h->reader, "ROLLBACK") == 0 ? 0 : hook_failed(hook, sqlite3_errmsg(h->reader));
}

/* Under the writer's lock the log has an end, and a passive checkpoint tells it: `log` frames, the
 * first `done` of them in the database. With the reader above:
 *
 *   log == done   the database alone holds every commit. The log must be left out: once thawed, a
 *                 writer may start it anew.
 *   log > done    the log is needed, exactly so many frames of it; behind them may be old ones,
 *                 which new commits overwrite. It cannot be started anew before release.
 *   log < 0       unknown: both files are copied in the window. Nothing is named, so that the
 *                 layout's rules hold.
 *
 * Files are named, and the log is never excluded by a rule: a restore leaves what its rules exclude
 * where it is, and the log of an old database would be played into the restored one. */
static backup_code name_files(host *h, backup_hook *hook, int log, int done)
{
    ++*(log < 0 ? &h->in_window : log > done ? &h->with_log : &h->alone);
    if (log < 0)
        return BACKUP_OK;
    backup_code code = backup_hook_add_file(hook, "app.db", BACKUP_FILE_PINNED, UINT64_MAX, NULL);
    if (code == BACKUP_OK && log > done)
        code = backup_hook_add_file(hook, "app.db-wal", BACKUP_FILE_APPEND_ONLY,
                                    32 + (uint64_t)log * (uint64_t)(24 + h->page_size), NULL);
    return code;
}

/* --- The hooks of all variants --- */

/* Takes the writer's lock, and for the smallest window asks how long the log is. SQLITE_BUSY there:
 * somebody else's checkpoint is at work, or waits for the very lock that is held here. It gets the
 * lock, for a while; should they never end, the log stays unknown. 0, or why it failed. */
static const char *stop_writers(host *h, int *log, int *done)
{
    *log = *done = -1;
    for (int tries = 0; strcmp(h->broken, "freeze") != 0; tries++) {
        if (!h->held && db_exec(h->gate, "BEGIN IMMEDIATE") != 0)
            return sqlite3_errmsg(h->gate);
        h->stopped_at = example_seconds();
        if (!h->variant->pinned)
            return NULL;
        int code = passive_checkpoint(h, log, done);
        if ((code == SQLITE_OK && *log >= 0) || (code == SQLITE_BUSY && tries == 500))
            return NULL;
        if (!h->held && db_exec(h->gate, "ROLLBACK") != 0)
            return sqlite3_errmsg(h->gate);
        if (code != SQLITE_BUSY) /* or SQLITE_OK with -1, and it is not in WAL mode */
            return sqlite3_errmsg(h->checkpointer);
        usleep(2000);
    }
    return NULL;
}

/* The library may call it again in the same backup, if files came and went: what it says last
 * counts. A hook that fails undoes its own work. */
static int32_t freeze(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    int log, done;
    const char *why = stop_writers(h, &log, &done);
    if (why != NULL)
        return hook_failed(hook, why);
    if (db_seq(h->gate, &h->frozen_seq) == 0 &&
        (!h->variant->pinned || name_files(h, hook, log, done) == BACKUP_OK))
        return 0;
    (void)hook_failed(hook, sqlite3_errmsg(h->gate));
    if (!h->held)
        (void)db_exec(h->gate, "ROLLBACK");
    return -1;
}

static int32_t thaw(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    int ours = !h->held && !sqlite3_get_autocommit(h->gate);
    int result = ours ? db_exec(h->gate, "ROLLBACK") : 0;
    host_time(&h->stops, example_seconds() - h->stopped_at);
    return result == 0 ? 0 : hook_failed(hook, sqlite3_errmsg(h->gate));
}

/* --- Looking at the staged copy --- */

/* A journal is hot if its header is there; a copy of one would undo what was committed. */
static int has_hot_journal(const char *staging)
{
    char path[EXAMPLE_PATH];
    example_path(path, staging, "app.db-journal");
    FILE *journal = fopen(path, "r");
    int first = journal != NULL ? fgetc(journal) : EOF;
    if (journal != NULL)
        fclose(journal);
    return first != EOF && first != 0;
}

/* Opening a database plainly changes it: SQLite plays a log into the database and removes it on
 * close, for which the library would fail this backup (BACKUP_CORRUPT, naming the log). immutable=1
 * changes nothing, but does not look at a log; so where there is one, a copy is opened. (In a URI a
 * path's own ?, # and % would have to be escaped.) */
static int32_t validate(void *user_data, const char *staging, backup_hook *hook)
{
    host *h = user_data;
    char from[EXAMPLE_PATH], log[EXAMPLE_PATH], uri[EXAMPLE_PATH], why[200];
    example_path(from, staging, "app.db");
    example_path(log, staging, "app.db-wal");
    snprintf(uri, sizeof uri, "file:%.*s?immutable=1", (int)sizeof uri - 20, from);
    const char *open = uri;
    if (has_hot_journal(staging))
        return hook_failed(hook, "the snapshot has a hot journal");
    if (strcmp(h->broken, "validator") == 0) {
        open = from;
    } else if (access(log, F_OK) == 0) {
        char copied_log[EXAMPLE_PATH];
        snprintf(copied_log, sizeof copied_log, "%.*s-wal", (int)sizeof copied_log - 5, h->scratch);
        if (db_copy_file(from, h->scratch) != 0 || db_copy_file(log, copied_log) != 0)
            return hook_failed(hook, "the staged database could not be copied");
        open = h->scratch;
    }
    sqlite3 *db = db_open(open);
    if (db == NULL)
        return hook_failed(hook, "the staged database cannot be opened");
    int32_t result = db_check(db, "PRAGMA quick_check", why, sizeof why);
    db_close(db); /* which removes the log of the copy */
    if (open == h->scratch)
        (void)unlink(h->scratch);
    return result == 0 ? 0 : hook_failed(hook, why);
}

/* --- After the restore --- */

static uint64_t frozen(void *engine)
{
    return ((host *)engine)->frozen_seq;
}

/* What goes wrong on purpose, so that it can be seen that the comparison finds it. */
static void damage(const char *broken, const char *path, sqlite3 *db)
{
    char log[EXAMPLE_PATH];
    snprintf(log, sizeof log, "%.*s-wal", (int)sizeof log - 5, path);
    if (db == NULL && strcmp(broken, "wal") == 0)
        (void)unlink(log);
    if (db != NULL && strcmp(broken, "row") == 0)
        (void)db_exec(db, "DELETE FROM kv WHERE key = (SELECT max(key) FROM kv)");
}

/* Opens it as after any restart, checks, compares; then writes on, which must work as well. */
static int check(void *engine, const char *restored, uint64_t seq)
{
    host *h = engine;
    char path[EXAMPLE_PATH], why[200];
    example_path(path, restored, "app.db");
    damage(h->broken, path, NULL);
    sqlite3 *db = db_open(path);
    if (db == NULL)
        return -1;
    damage(h->broken, path, db);
    int result = db_check(db, "PRAGMA integrity_check", why, sizeof why);
    if (result != 0)
        (void)host_wrong("PRAGMA integrity_check", why);
    if (result == 0)
        result = db_compare(db, &h->model, seq);
    if (result == 0)
        result = db_exec(db, "PRAGMA synchronous = OFF");
    for (int i = 0; i < 20 && result == 0; i++)
        result = db_commit(db, NULL);
    if (result == 0)
        result = db_compare(db, &h->model, seq + 20);
    db_close(db);
    return result;
}

/* --- The host's locks --- */

/* A backup that is made while the program is inside a transaction of its own: another process must
 * be refused the writer's lock until that ends. (Nobody else may be at work, who would take a lock
 * that was lost, and be the one who refuses.) POSIX locks are lost when a process closes *any*
 * descriptor of the file, as a copier does that opens it: `--break lock` shows it. */
static int locks_survive(host *h, host_rounds *r)
{
    char log[EXAMPLE_PATH];
    snprintf(log, sizeof log, "%.*s-wal", (int)sizeof log - 5, h->db);
    if (db_exec(h->gate, "BEGIN IMMEDIATE") != 0)
        return host_wrong("BEGIN IMMEDIATE", sqlite3_errmsg(h->gate));
    h->held = 1;
    r->rounds = 1;
    int result = host_run_rounds(r);
    if (strcmp(h->broken, "lock") == 0)
        fclose(fopen(h->db, "r"));
    int may_write = db_other_process_may_write(h->db);
    h->held = 0;
    if (db_exec(h->gate, "ROLLBACK") != 0 && result == 0)
        result = host_wrong("ROLLBACK", sqlite3_errmsg(h->gate));
    if (result == 0 && may_write != 0)
        result = host_wrong("locks", "another process got the lock that this one holds");
    /* In WAL mode the database's own lock says who is the last to close it, and removes the log. */
    if (result == 0 && h->variant->wal && access(log, F_OK) != 0)
        result = host_wrong("locks", "another process removed the log of an open database");
    if (result == 0)
        printf("  another process was refused the lock that this one held over a backup\n");
    return result;
}

/* --- The variants --- */

static backup_code set_options(backup_options *o, const char *root, host *h, backup_error **error)
{
    backup_code code = backup_options_set_layout(o, "sqlite", error);
    if (code == BACKUP_OK)
        code = backup_options_set_root(o, root, error);
    if (code == BACKUP_OK)
        code = backup_options_set_freeze_hook(o, freeze, thaw, h, NULL, error);
    if (code == BACKUP_OK)
        code = backup_options_set_validate_hook(o, validate, h, NULL, error);
    if (code == BACKUP_OK && h->variant->pinned)
        code = backup_options_set_checkpoint_hook(o, pin, h, NULL, error);
    if (code == BACKUP_OK && h->variant->pinned)
        code = backup_options_set_release_hook(o, release, h, NULL, error);
    return code;
}

static int with_users(host *h, host_rounds *r)
{
    static db_users users;
    uint64_t first = 0, last = 0;
    users = (db_users){0};
    if (db_users_start(&users, h->db, h->variant->wal) != 0 || db_seq(h->gate, &first) != 0)
        return -1;
    int result = host_run_rounds(r);
    if (db_users_stop(&users) != 0 || result != 0 || db_seq(h->gate, &last) != 0)
        return -1;
    host_report(r, &h->stops, &users.commits, last - first);
    if (h->variant->pinned)
        printf("  database alone %u times, with the log %u, both in the window %u\n", h->alone,
               h->with_log, h->in_window);
    return locks_survive(h, r);
}

static int with_connections(host *h, host_rounds *r)
{
    sqlite3 **all[] = {&h->gate, &h->reader, &h->checkpointer};
    sqlite3_stmt *get = NULL;
    int result = 0;
    for (size_t i = 0; i < 3 && result == 0; i++)
        result = (*all[i] = db_open(h->db)) != NULL ? 0 : -1;
    if (result == 0 && (sqlite3_prepare_v2(h->gate, "PRAGMA page_size", -1, &get, NULL) != 0 ||
                        sqlite3_step(get) != SQLITE_ROW))
        result = host_wrong("PRAGMA page_size", sqlite3_errmsg(h->gate));
    h->page_size = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    if (result == 0)
        result = with_users(h, r);
    for (size_t i = 0; i < 3; i++)
        if (*all[i] != NULL)
            db_close(*all[i]);
    return result;
}

static int run(const variant *v, const host_arguments *arguments)
{
    static host h;
    static host_rounds r;
    char dir[EXAMPLE_PATH], data[EXAMPLE_PATH], root[EXAMPLE_PATH];
    example_path(dir, arguments->dir, v->name);
    example_path(data, dir, "data");
    example_path(root, dir, "backups");
    h = (host){.variant = v, .broken = arguments->broken};
    example_path(h.db, data, "app.db");
    example_path(h.scratch, dir, "checked.db");
    r = (host_rounds){.variant = v->name, .rounds = arguments->rounds, .dir = dir, .engine = &h,
                      .frozen = frozen, .check = check};
    if (host_remove(dir) != 0 || example_mkdir(dir) != 0 || example_mkdir(data) != 0 ||
        db_create(h.db, v->journal_mode) != 0)
        return -1;
    backup_error *error = NULL;
    r.options = backup_options_new();
    backup_code code = set_options(r.options, root, &h, &error);
    int result = code == BACKUP_OK ? with_connections(&h, &r) : host_failed("options", error);
    backup_options_free(r.options); /* the coordinator has closed: no hook is called any more */
    return result;
}

int main(int argc, char **argv)
{
    host_arguments arguments;
    int other = db_other_process(argc, argv);
    if (other >= 0)
        return other;
    if (host_parse(argc, argv, "sqlite", &arguments) != 0)
        return 1;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (arguments.only == NULL || strcmp(arguments.only, variants[i].name) == 0)
            if (run(&variants[i], &arguments) != 0)
                return 1;
    return 0;
}

/*
 * LMDB, backed up while two threads write to it. Each snapshot is restored, opened by LMDB, walked
 * from end to end and compared key by key with what was committed before the freeze.
 *
 *     make -C examples-c lmdb      or: build/lmdb [--rounds N] [--only VARIANT] [directory]
 *
 * --break row, reader or freeze breaks something that must then be found.
 *
 * LMDB never overwrites a page that a reader can reach. So the freeze need only be long enough to
 * begin a read transaction and to copy the two meta pages at the start of data.mdb, of which each
 * commit overwrites one: under the writer's lock, they are those of that reader's commit. All else
 * is copied after thaw, while the writers go on and the file grows; the reader ends in release.
 * That is what the layout `lmdb` says with `pinned`.
 *
 * It holds with MDB_WRITEMAP as well. There, writers store into the file's pages through the
 * mapping before they commit, but only into such as no reader can reach; and commits store the meta
 * pages under the writer's lock.
 */
#include <hotbackup.h>

#include <string.h>
#include <sys/stat.h>

#include "lmdb_db.h"

typedef struct variant {
    const char *name;
    unsigned flags;
} variant;

/* MDB_NOTLS lets a thread have the freeze's two transactions at once, and another thread than that
 * which began the reader end it. */
static const variant variants[] = {
    {"lmdb", MDB_NOTLS},
    {"lmdb-writemap", MDB_NOTLS | MDB_WRITEMAP},
};

typedef struct host {
    const variant *variant;
    const char *broken;
    db db;
    char file[EXAMPLE_PATH];
    MDB_txn *writer; /* from freeze to thaw; writes nothing */
    MDB_txn *reader; /* from freeze to release */
    uint64_t frozen_seq;
    size_t frozen_txnid; /* LMDB's own number of that commit */
    double stopped_at;
    host_times stops;
    /* Whether LMDB had to put pages behind the freeze's end of the file while it was copied. */
    size_t frozen_last_page;
    off_t frozen_length;
    int grown;
    unsigned rounds_grown, rounds_longer;
    host_model model;
} host;

static int32_t hook_failed(backup_hook *hook, const char *what, int code)
{
    char why[160];
    snprintf(why, sizeof why, "%s: %s", what, mdb_strerror(code));
    backup_hook_set_error(hook, why, NULL, NULL);
    return -1;
}

/* --- The hooks --- */

static off_t length_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Begins the reader, and notes what it sees. */
static int begin_reader(host *h)
{
    MDB_envinfo info;
    int code = mdb_txn_begin(h->db.env, NULL, MDB_RDONLY, &h->reader);
    if (code != 0) {
        h->reader = NULL;
        return code;
    }
    if ((code = db_seq(&h->db, h->reader, &h->frozen_seq)) == 0 &&
        (code = mdb_env_info(h->db.env, &info)) == 0) {
        h->frozen_txnid = mdb_txn_id(h->reader);
        h->frozen_last_page = info.me_last_pgno;
        h->frozen_length = length_of(h->file);
        h->grown = 0;
        return 0;
    }
    mdb_txn_abort(h->reader);
    h->reader = NULL;
    return code;
}

/* A write transaction that is given up in thaw, and a reader that is not. The library may call this
 * again in the same backup: then the reader of the time before has served. */
static int32_t freeze(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    int code = 0;
    if (h->reader != NULL)
        mdb_txn_abort(h->reader);
    h->reader = NULL;
    h->writer = NULL;
    if (strcmp(h->broken, "freeze") != 0)
        code = mdb_txn_begin(h->db.env, NULL, 0, &h->writer);
    if (code != 0)
        return hook_failed(hook, "the write transaction", code);
    h->stopped_at = example_seconds();
    if ((code = begin_reader(h)) == 0)
        return 0;
    mdb_txn_abort(h->writer);
    return hook_failed(hook, "the read transaction", code);
}

static int32_t thaw(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    (void)hook;
    if (h->writer != NULL)
        mdb_txn_abort(h->writer);
    host_time(&h->stops, example_seconds() - h->stopped_at);
    if (strcmp(h->broken, "reader") == 0) {
        mdb_txn_abort(h->reader);
        h->reader = NULL;
    }
    return 0;
}

static int32_t release(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    (void)hook;
    h->rounds_grown += (unsigned)h->grown;
    h->rounds_longer += length_of(h->file) > h->frozen_length;
    if (h->reader != NULL) /* there is none if no freeze came that far */
        mdb_txn_abort(h->reader);
    h->reader = NULL;
    return 0;
}

/* This program wants to see that the file may grow while it is copied: the copy is slow until it
 * has. A host would watch its readers instead: as long as one is open, no page that was freed since
 * is used again, and the file grows with each commit. A rate limit prolongs that. */
static int32_t slow_until_grown(void *user_data, const backup_progress *p, backup_hook *hook)
{
    host *h = user_data;
    MDB_envinfo info;
    if (p->phase == BACKUP_PHASE_COPY && !h->grown && mdb_env_info(h->db.env, &info) == 0 &&
        info.me_last_pgno > h->frozen_last_page)
        h->grown = 1;
    uint64_t limit = p->phase == BACKUP_PHASE_COPY && !h->grown ? 8 << 20 : 0;
    return backup_set_rate_limit(backup_hook_job(hook), limit, NULL) == BACKUP_OK ? 0 : -1;
}

/* MDB_RDONLY and MDB_NOLOCK change nothing, and leave no lock.mdb in the staged copy. */
static int32_t validate(void *user_data, const char *staging, backup_hook *hook)
{
    host *h = user_data;
    MDB_env *env;
    MDB_envinfo info;
    int code = mdb_env_create(&env);
    if (code != 0)
        return hook_failed(hook, "mdb_env_create", code);
    if ((code = mdb_env_open(env, staging, MDB_RDONLY | MDB_NOLOCK, 0)) == 0 &&
        (code = mdb_env_info(env, &info)) == 0 && info.me_last_txnid != h->frozen_txnid)
        code = MDB_CORRUPTED;
    mdb_env_close(env);
    return code == 0 ? 0 : hook_failed(hook, "the staged environment", code);
}

/* --- After the restore --- */

static uint64_t frozen(void *engine)
{
    return ((host *)engine)->frozen_seq;
}

/* Opens it as after any restart, compares; then writes on, which must work as well: it takes pages
 * from the list of free ones. */
static int check(void *engine, const char *restored, uint64_t seq)
{
    host *h = engine;
    db d;
    if (db_open(&d, restored, h->variant->flags) != 0)
        return -1;
    int result = 0;
    size_t txnid = h->frozen_txnid;
    if (strcmp(h->broken, "row") == 0) { /* a commit of its own, which the comparison must find */
        result = db_remove_a_row(&d);
        txnid++;
    }
    if (result == 0)
        result = db_compare(&d, &h->model, seq, txnid);
    if (result == 0)
        result = mdb_env_set_flags(d.env, MDB_NOSYNC, 1);
    for (int i = 0; i < 20 && result == 0; i++)
        result = db_commit(&d, NULL);
    if (result == 0)
        result = db_compare(&d, &h->model, seq + 20, txnid + 20);
    db_close(&d);
    return result;
}

/* --- The variants --- */

static backup_code set_options(backup_options *o, const char *root, host *h, backup_error **error)
{
    backup_code code = backup_options_set_layout(o, "lmdb", error);
    if (code == BACKUP_OK)
        code = backup_options_set_root(o, root, error);
    if (code == BACKUP_OK)
        code = backup_options_set_freeze_hook(o, freeze, thaw, h, NULL, error);
    if (code == BACKUP_OK)
        code = backup_options_set_release_hook(o, release, h, NULL, error);
    if (code == BACKUP_OK)
        code = backup_options_set_validate_hook(o, validate, h, NULL, error);
    if (code == BACKUP_OK)
        code = backup_options_set_progress_hook(o, slow_until_grown, h, NULL, error);
    return code;
}

static int with_writers(host *h, host_rounds *r)
{
    static db_writers writers;
    writers = (db_writers){0};
    if (db_writers_start(&writers, &h->db) != 0)
        return -1;
    int result = host_run_rounds(r);
    if (db_writers_stop(&writers) != 0 || result != 0)
        return -1;
    uint64_t commits = 0;
    for (int i = 0; i < DB_WRITERS; i++)
        commits += writers.commits[i].count;
    host_report(r, &h->stops, &writers.commits[0], commits);
    printf("  while it was copied the environment grew in %u rounds, the file in %u\n",
           h->rounds_grown, h->rounds_longer);
    return h->rounds_grown > 0 ? 0 : host_wrong("growth", "it never grew while it was copied");
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
    example_path(h.file, data, "data.mdb");
    r = (host_rounds){.variant = v->name, .rounds = arguments->rounds, .dir = dir, .engine = &h,
                      .frozen = frozen, .check = check};
    if (host_remove(dir) != 0 || example_mkdir(dir) != 0 || example_mkdir(data) != 0 ||
        db_open(&h.db, data, v->flags) != 0)
        return -1;
    int result = mdb_env_set_flags(h.db.env, MDB_NOSYNC, 1); /* only to be quick at filling it */
    for (unsigned i = 0; i < HOST_FIRST_COMMITS && result == 0; i++)
        result = db_commit(&h.db, NULL);
    if (result == 0)
        result = mdb_env_set_flags(h.db.env, MDB_NOSYNC, 0);
    backup_error *error = NULL;
    r.options = backup_options_new();
    if (result == 0 && set_options(r.options, root, &h, &error) != BACKUP_OK)
        result = host_failed("options", error);
    if (result == 0)
        result = with_writers(&h, &r);
    backup_options_free(r.options); /* the coordinator has closed: no hook is called any more */
    db_close(&h.db);
    return result;
}

int main(int argc, char **argv)
{
    host_arguments arguments;
    if (host_parse(argc, argv, "lmdb", &arguments) != 0)
        return 1;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (arguments.only == NULL || strcmp(arguments.only, variants[i].name) == 0)
            if (run(&variants[i], &arguments) != 0)
                return 1;
    return 0;
}

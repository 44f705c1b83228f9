#include "lmdb_db.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Room for all that is written while a reader keeps old pages: when it is used up, writers get
 * MDB_MAP_FULL. It costs address space and, with MDB_WRITEMAP, a file of that length with holes. */
#define MAP_SIZE ((size_t)2 << 30)

int db_failed(const char *what, int code)
{
    fprintf(stderr, "lmdb: %s: %s\n", what, mdb_strerror(code));
    return -1;
}

static int open_databases(db *d)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (code != 0)
        return code;
    if ((code = mdb_dbi_open(txn, "odd", MDB_CREATE, &d->rows[1])) != 0 ||
        (code = mdb_dbi_open(txn, "even", MDB_CREATE | MDB_INTEGERKEY, &d->rows[0])) != 0 ||
        (code = mdb_dbi_open(txn, "by length", MDB_CREATE | MDB_DUPSORT | MDB_DUPFIXED,
                             &d->by_length)) != 0 ||
        (code = mdb_dbi_open(txn, "last", MDB_CREATE, &d->last)) != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn); /* which is no transaction if they were all there */
}

int db_open(db *d, const char *dir, unsigned flags)
{
    int code = mdb_env_create(&d->env);
    if (code != 0)
        return db_failed("mdb_env_create", code);
    if ((code = mdb_env_set_maxdbs(d->env, 8)) == 0 &&
        (code = mdb_env_set_mapsize(d->env, MAP_SIZE)) == 0 &&
        (code = mdb_env_open(d->env, dir, flags, 0600)) == 0 && (code = open_databases(d)) == 0)
        return 0;
    mdb_env_close(d->env);
    return db_failed(dir, code);
}

void db_close(db *d)
{
    mdb_env_close(d->env);
}

/* --- Writing --- */

static MDB_val seq_key(void)
{
    return (MDB_val){.mv_size = 3, .mv_data = "seq"};
}

int db_seq(const db *d, MDB_txn *txn, uint64_t *seq)
{
    MDB_val key = seq_key(), value;
    int code = mdb_get(txn, d->last, &key, &value);
    *seq = 0;
    if (code == 0 && value.mv_size == sizeof *seq)
        memcpy(seq, value.mv_data, sizeof *seq);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int change(const db *d, MDB_txn *txn, host_change c)
{
    unsigned char bytes[HOST_VALUE_MAX];
    MDB_dbi rows = d->rows[c.key & 1];
    MDB_val key = {.mv_size = sizeof c.key, .mv_data = &c.key}, value;
    int code = mdb_get(txn, rows, &key, &value);
    if (code == 0) { /* the row that was there goes, and its entry in the index */
        uint32_t length = (uint32_t)value.mv_size;
        MDB_val indexed = {.mv_size = sizeof length, .mv_data = &length};
        if ((code = mdb_del(txn, d->by_length, &indexed, &key)) == 0)
            code = mdb_del(txn, rows, &key, NULL);
    } else if (code == MDB_NOTFOUND) {
        code = 0;
    }
    if (code != 0 || c.stamp == 0)
        return code;
    value = (MDB_val){.mv_size = host_value(c.stamp, bytes), .mv_data = bytes};
    uint32_t length = (uint32_t)value.mv_size;
    MDB_val indexed = {.mv_size = sizeof length, .mv_data = &length};
    if ((code = mdb_put(txn, rows, &key, &value, 0)) == 0)
        code = mdb_put(txn, d->by_length, &indexed, &key, 0);
    return code;
}

static int changes(const db *d, MDB_txn *txn, uint64_t *seq)
{
    int code = db_seq(d, txn, seq);
    ++*seq;
    for (unsigned i = 0; i < host_changes(*seq) && code == 0; i++)
        code = change(d, txn, host_change_of(*seq, i));
    MDB_val key = seq_key(), value = {.mv_size = sizeof *seq, .mv_data = seq};
    return code == 0 ? mdb_put(txn, d->last, &key, &value, 0) : code;
}

int db_commit(const db *d, double *seconds)
{
    for (int may_give_up = 1;; may_give_up = 0) {
        MDB_txn *txn;
        uint64_t seq;
        int code = mdb_txn_begin(d->env, NULL, 0, &txn);
        if (code != 0)
            return db_failed("begin", code);
        double began = example_seconds();
        if ((code = changes(d, txn, &seq)) != 0 || (may_give_up && host_gives_up(seq))) {
            mdb_txn_abort(txn);
            if (code != 0)
                return db_failed("writing", code);
            continue; /* perhaps another writer is quicker, and makes this one */
        }
        if ((code = mdb_txn_commit(txn)) != 0)
            return db_failed("commit", code);
        if (seconds != NULL)
            *seconds = example_seconds() - began;
        return 0;
    }
}

/* The lock that LMDB's writers share is not fair: who takes it again at once gets it again, and a
 * freeze might wait for ever. A host of which this is true makes its writers wait at a gate of its
 * own; here the rest between two commits is enough. */
static void *write_on_and_on(void *argument)
{
    db_writers *w = argument;
    int self = atomic_fetch_add(&w->started, 1);
    double seconds;
    while (!atomic_load(&w->stop)) {
        if (db_commit(w->db, &seconds) != 0) {
            atomic_store(&w->failed, 1);
            break;
        }
        host_time(&w->commits[self], seconds);
        usleep(1000);
    }
    return NULL;
}

int db_writers_start(db_writers *w, const db *d)
{
    w->db = d;
    atomic_init(&w->stop, 0);
    atomic_init(&w->failed, 0);
    atomic_init(&w->started, 0);
    for (int i = 0; i < DB_WRITERS; i++) {
        errno = pthread_create(&w->threads[i], NULL, write_on_and_on, w);
        if (errno != 0)
            return db_failed("starting a writer", errno);
    }
    return 0;
}

int db_writers_stop(db_writers *w)
{
    atomic_store(&w->stop, 1);
    for (int i = 0; i < DB_WRITERS; i++)
        pthread_join(w->threads[i], NULL);
    return atomic_load(&w->failed) ? -1 : 0;
}

int db_remove_a_row(const db *d)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (code == 0 && (code = mdb_cursor_open(txn, d->rows[0], &cursor)) == 0 &&
        (code = mdb_cursor_get(cursor, &key, &value, MDB_LAST)) == 0 &&
        (code = mdb_cursor_del(cursor, 0)) == 0)
        code = mdb_txn_commit(txn);
    return code == 0 ? 0 : db_failed("removing a row", code);
}

/* --- Comparing --- */

typedef int (*on_entry)(host_model *m, const db *d, MDB_txn *txn, MDB_val key, MDB_val value);

static int row(host_model *m, const db *d, MDB_txn *txn, MDB_val key, MDB_val value)
{
    uint32_t number = 0;
    (void)d, (void)txn;
    if (key.mv_size == sizeof number)
        memcpy(&number, key.mv_data, sizeof number);
    host_found(m, number, value.mv_data, value.mv_size);
    return 0;
}

/* An entry of the index must lead to a row of that length. */
static int indexed(host_model *m, const db *d, MDB_txn *txn, MDB_val length, MDB_val key)
{
    uint32_t number;
    MDB_val value = {0};
    (void)m;
    memcpy(&number, key.mv_data, sizeof number);
    int code = mdb_get(txn, d->rows[number & 1], &key, &value);
    uint32_t actual = (uint32_t)value.mv_size;
    if (code == MDB_NOTFOUND || memcmp(&actual, length.mv_data, sizeof actual) != 0)
        return MDB_CORRUPTED;
    return code;
}

static int nothing(host_model *m, const db *d, MDB_txn *txn, MDB_val key, MDB_val value)
{
    (void)m, (void)d, (void)txn, (void)key, (void)value;
    return 0;
}

/* All entries of a database, of which there must be as many as its root says. */
static int walk(host_model *m, const db *d, MDB_txn *txn, MDB_dbi dbi, on_entry see,
                size_t *entries)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    int code = mdb_cursor_open(txn, dbi, &cursor);
    if (code != 0)
        return code;
    *entries = 0;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        ++*entries;
        if ((code = see(m, d, txn, key, value)) != 0)
            break;
    }
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND && (code = mdb_stat(txn, dbi, &stat)) == 0)
        code = stat.ms_entries == *entries ? 0 : MDB_CORRUPTED;
    return code;
}

static int walk_all(const db *d, MDB_txn *txn, host_model *m, uint64_t *last)
{
    size_t odd, even, by_length, names, one;
    MDB_dbi unnamed;
    int code;
    if ((code = db_seq(d, txn, last)) != 0 ||
        (code = mdb_dbi_open(txn, NULL, 0, &unnamed)) != 0 ||
        (code = walk(m, d, txn, d->rows[1], row, &odd)) != 0 ||
        (code = walk(m, d, txn, d->rows[0], row, &even)) != 0 ||
        (code = walk(m, d, txn, unnamed, nothing, &names)) != 0 ||
        (code = walk(m, d, txn, d->by_length, indexed, &by_length)) != 0 ||
        (code = walk(m, d, txn, d->last, nothing, &one)) != 0)
        return code;
    return names == 4 && one == 1 && by_length == odd + even ? 0 : MDB_CORRUPTED;
}

int db_compare(const db *d, host_model *m, uint64_t seq, size_t txnid)
{
    MDB_txn *txn;
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t last = 0;
    int dead = 0, code;
    host_expect(m, seq);
    if ((code = mdb_reader_check(d->env, &dead)) != 0 ||
        (code = mdb_env_info(d->env, &info)) != 0 || (code = mdb_env_stat(d->env, &stat)) != 0 ||
        (code = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn)) != 0)
        return db_failed("opening what was restored", code);
    code = walk_all(d, txn, m, &last);
    mdb_txn_abort(txn);
    if (dead != 0)
        return host_wrong("restored", "it has readers");
    if (info.me_last_txnid != txnid || last != seq) {
        snprintf(m->wrong, sizeof m->wrong, "its last commit is %llu (%zu) instead of %llu (%zu)",
                 (unsigned long long)last, info.me_last_txnid, (unsigned long long)seq, txnid);
        return host_wrong("restored", m->wrong);
    }
    if (host_all_found(m) != 0)
        return host_wrong("restored", m->wrong);
    return code == 0 ? 0 : host_wrong("restored, walking it", mdb_strerror(code));
}

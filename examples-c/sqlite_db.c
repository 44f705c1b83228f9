#include "sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int failed(sqlite3 *db, const char *what)
{
    fprintf(stderr, "sqlite: %s: %s\n", what, sqlite3_errmsg(db));
    return -1;
}

/* sqlite3_busy_timeout sleeps for up to 100 ms at a time, in which others come and go: who looks
 * that seldom may wait for ever among writers that never rest. */
static int look_again(void *unused, int times)
{
    (void)unused;
    usleep(200);
    return times < 150000;
}

sqlite3 *db_open(const char *uri)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    uint64_t seq;
    if (sqlite3_open_v2(uri, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_handler(db, look_again, NULL);
        /* A small cache, so that large transactions spill: pages are written before the commit.
         * The limit cuts off the file of a log that starts anew, which would stay as long as it
         * ever was, and be copied at that length. */
        if (db_exec(db, "PRAGMA synchronous = FULL; PRAGMA cache_size = 100;"
                        "PRAGMA wal_autocheckpoint = 300;"
                        "PRAGMA journal_size_limit = 1000000") == 0) {
            (void)db_seq(db, &seq); /* only now has it read what mode the database is in */
            return db;
        }
    }
    failed(db, uri);
    sqlite3_close(db);
    return NULL;
}

void db_close(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        (void)failed(db, "close");
}

int db_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int db_seq(sqlite3 *db, uint64_t *seq)
{
    sqlite3_stmt *get;
    if (sqlite3_prepare_v2(db, "SELECT seq FROM last", -1, &get, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(get) == SQLITE_ROW)
        *seq = (uint64_t)sqlite3_column_int64(get, 0);
    return sqlite3_finalize(get) == SQLITE_OK ? 0 : -1;
}

int db_check(sqlite3 *db, const char *pragma, char *why, size_t size)
{
    sqlite3_stmt *check;
    int result = -1;
    snprintf(why, size, "%s", "no answer");
    if (sqlite3_prepare_v2(db, pragma, -1, &check, NULL) == SQLITE_OK &&
        sqlite3_step(check) == SQLITE_ROW) {
        snprintf(why, size, "%s", (const char *)sqlite3_column_text(check, 0));
        result = strcmp(why, "ok") == 0 ? 0 : -1;
    } else {
        snprintf(why, size, "%s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(check);
    return result;
}

int db_create(const char *path, const char *journal_mode)
{
    char pragma[64];
    sqlite3 *db = db_open(path);
    if (db == NULL)
        return -1;
    snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", journal_mode);
    int result = 0;
    if (db_exec(db, pragma) != 0 ||
        db_exec(db, "BEGIN; CREATE TABLE kv (key INTEGER PRIMARY KEY, value BLOB NOT NULL);"
                    "CREATE INDEX by_size ON kv (length(value));"
                    "CREATE TABLE last (seq INTEGER NOT NULL); INSERT INTO last VALUES (0);"
                    "COMMIT; PRAGMA synchronous = OFF") != 0)
        result = failed(db, "making the database");
    for (unsigned i = 0; i < HOST_FIRST_COMMITS && result == 0; i++)
        result = db_commit(db, NULL);
    db_close(db);
    return result;
}

/* --- Writing --- */

static int change(sqlite3 *db, uint64_t seq)
{
    static const char put_sql[] = "INSERT OR REPLACE INTO kv VALUES (?1, ?2)";
    static const char del_sql[] = "DELETE FROM kv WHERE key = ?1";
    unsigned char value[HOST_VALUE_MAX];
    sqlite3_stmt *put = NULL, *del = NULL;
    int code = sqlite3_prepare_v2(db, put_sql, -1, &put, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, del_sql, -1, &del, NULL);
    for (unsigned i = 0; i < host_changes(seq) && code == SQLITE_OK; i++) {
        host_change c = host_change_of(seq, i);
        sqlite3_stmt *s = c.stamp != 0 ? put : del;
        sqlite3_bind_int64(s, 1, c.key);
        if (c.stamp != 0)
            sqlite3_bind_blob(s, 2, value, (int)host_value(c.stamp, value), SQLITE_STATIC);
        sqlite3_step(s);
        code = sqlite3_reset(s);
    }
    sqlite3_finalize(put);
    sqlite3_finalize(del);
    return code == SQLITE_OK ? 0 : -1;
}

int db_commit(sqlite3 *db, double *seconds)
{
    char sql[64];
    for (int may_give_up = 1;; may_give_up = 0) {
        uint64_t seq;
        if (db_exec(db, "BEGIN IMMEDIATE") != 0)
            return failed(db, "BEGIN");
        double began = example_seconds();
        if (db_seq(db, &seq) != 0 || change(db, ++seq) != 0)
            return failed(db, "writing");
        if (may_give_up && host_gives_up(seq)) {
            if (db_exec(db, "ROLLBACK") != 0)
                return failed(db, "ROLLBACK");
            continue; /* perhaps another writer is quicker, and makes this one */
        }
        snprintf(sql, sizeof sql, "UPDATE last SET seq = %llu; COMMIT", (unsigned long long)seq);
        if (db_exec(db, sql) != 0)
            return failed(db, "COMMIT");
        if (seconds != NULL)
            *seconds = example_seconds() - began;
        return 0;
    }
}

static void *write_on_and_on(void *argument)
{
    db_users *u = argument;
    sqlite3 *db = db_open(u->path);
    double seconds;
    int result = db != NULL ? 0 : -1;
    while (result == 0 && !atomic_load(&u->stop)) {
        result = db_commit(db, &seconds);
        host_time(&u->commits, seconds);
    }
    if (result != 0)
        atomic_store(&u->failed, 1);
    if (db != NULL)
        db_close(db);
    return NULL;
}

/* Holds read transactions of some milliseconds; in WAL mode it also runs checkpoints of the four
 * kinds. Those that wait for readers hold up writers meanwhile, so they get little patience. */
static void *read_and_checkpoint(void *argument)
{
    db_users *u = argument;
    sqlite3 *db = db_open(u->path);
    unsigned random = 1;
    uint64_t seq;
    int result = db != NULL ? 0 : -1;
    while (result == 0 && !atomic_load(&u->stop)) {
        random = random * 1103515245u + 12345u;
        sqlite3_busy_timeout(db, 5);
        if (u->wal && random >> 16 & 1)
            (void)sqlite3_wal_checkpoint_v2(db, NULL, (int)(random >> 17 & 3), NULL, NULL);
        sqlite3_busy_handler(db, look_again, NULL);
        result = db_exec(db, "BEGIN") == 0 && db_seq(db, &seq) == 0 ? 0 : failed(db, "reading");
        usleep(random >> 20 & 4095);
        if (result == 0 && db_exec(db, "COMMIT") != 0)
            result = failed(db, "reading");
        usleep(random >> 8 & 4095);
    }
    if (result != 0)
        atomic_store(&u->failed, 1);
    if (db != NULL)
        db_close(db);
    return NULL;
}

/* --- Other processes --- */

static int start(const char *word, const char *path, pid_t *pid, int *input)
{
    int ends[2];
    char *argv[] = {"sqlite", (char *)word, (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    errno = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (errno != 0)
        close(ends[1]);
    *input = ends[1];
    return errno == 0 ? 0 : -1;
}

static int end(pid_t pid, int input)
{
    int status;
    close(input);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define GOT_IT 0
#define REFUSED 3

int db_other_process(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[1], "write") != 0 && strcmp(argv[1], "try") != 0))
        return -1;
    sqlite3 *db = db_open(argv[2]);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int result = db != NULL ? 0 : 1;
    if (result == 0 && strcmp(argv[1], "try") == 0) {
        sqlite3_busy_timeout(db, 0);
        int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        result = code == SQLITE_OK ? GOT_IT : code == SQLITE_BUSY ? REFUSED : 1;
    } else {
        while (result == 0 && poll(&input, 1, 0) == 0)
            result = db_commit(db, NULL) == 0 ? 0 : 1;
    }
    if (db != NULL)
        db_close(db);
    return result;
}

int db_other_process_may_write(const char *path)
{
    pid_t pid;
    int input;
    int status = start("try", path, &pid, &input) == 0 ? end(pid, input) : -1;
    if (status == GOT_IT || status == REFUSED)
        return status == GOT_IT;
    fprintf(stderr, "another process could not try to write\n");
    return -1;
}

int db_users_start(db_users *u, const char *path, int wal)
{
    u->wal = wal;
    snprintf(u->path, sizeof u->path, "%s", path);
    atomic_init(&u->stop, 0);
    atomic_init(&u->failed, 0);
    if (start("write", path, &u->process, &u->process_stdin) != 0 ||
        (errno = pthread_create(&u->writer, NULL, write_on_and_on, u)) != 0 ||
        (errno = pthread_create(&u->restless, NULL, read_and_checkpoint, u)) != 0) {
        fprintf(stderr, "starting those who write: %s\n", strerror(errno));
        exit(1); /* which ends those that have started */
    }
    return 0;
}

int db_users_stop(db_users *u)
{
    atomic_store(&u->stop, 1);
    int status = end(u->process, u->process_stdin);
    pthread_join(u->writer, NULL);
    pthread_join(u->restless, NULL);
    return status == 0 && !atomic_load(&u->failed) ? 0 : -1;
}

/* --- Comparing --- */

int db_compare(sqlite3 *db, host_model *m, uint64_t seq)
{
    sqlite3_stmt *rows;
    uint64_t last = 0;
    host_expect(m, seq);
    if (db_seq(db, &last) != 0 ||
        sqlite3_prepare_v2(db, "SELECT key, value FROM kv", -1, &rows, NULL) != SQLITE_OK)
        return failed(db, "reading what was restored");
    while (sqlite3_step(rows) == SQLITE_ROW) {
        const void *value = sqlite3_column_blob(rows, 1);
        host_found(m, (uint32_t)sqlite3_column_int64(rows, 0), value,
                   (size_t)sqlite3_column_bytes(rows, 1));
    }
    if (sqlite3_finalize(rows) != SQLITE_OK)
        return failed(db, "reading what was restored");
    if (last != seq)
        snprintf(m->wrong, sizeof m->wrong, "its last commit is %llu instead of %llu",
                 (unsigned long long)last, (unsigned long long)seq);
    return host_all_found(m) == 0 && last == seq ? 0 : host_wrong("restored", m->wrong);
}

int db_copy_file(const char *from, const char *to)
{
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int result = in >= 0 && out >= 0 && fstat(in, &st) == 0 ? 0 : -1;
    for (off_t done = 0; result == 0 && done < st.st_size;)
        if (sendfile(out, in, &done, (size_t)(st.st_size - done)) <= 0)
            result = -1;
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0)
        result = -1;
    return result;
}

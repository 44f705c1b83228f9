/*
 * Tests the store that the examples back up: without hotbackup, it must already keep its promises
 * when its process is killed at any instant and when the end of a log is torn.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "example.h"
#include "workload.h"

#define ROUNDS 12

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "store_test: %s: %s\n", what, why);
    return -1;
}

/* The child commits at full speed until it is killed; `done` is what it knows to be committed. */
static void write_until_killed(const char *dir, atomic_ullong *done)
{
    char why[STORE_ERROR_MAX];
    store *s;
    if (store_open(dir, &s, why) != 0) {
        fail("open in the child", why);
        _exit(1);
    }
    for (uint64_t seq = atomic_load(done) + 1; workload_commit(s, seq, why) == 0; seq++)
        atomic_store(done, seq);
    fail("commit in the child", why);
    _exit(1);
}

static int kill_once(const char *dir, atomic_ullong *done, unsigned random)
{
    pid_t child = fork();
    if (child < 0)
        return fail("fork", strerror(errno));
    if (child == 0)
        write_until_killed(dir, done);
    int status;
    example_sleep(0.02 + random % 180 / 1000.0);
    if (kill(child, SIGKILL) != 0 ||
        waitpid(child, &status, 0) != child)
        return fail("killing the child", strerror(errno));
    if (!WIFSIGNALED(status))
        return fail("the child", "it ended by itself");
    return 0;
}

/* Everything that was committed must be there, at most the commit in flight besides. */
static int check_after_kill(const char *dir, atomic_ullong *done)
{
    char why[STORE_ERROR_MAX];
    store *s;
    store_figures figures;
    uint64_t records, least = atomic_load(done);
    if (store_open(dir, &s, why) != 0)
        return fail("open after the kill", why);
    store_get_figures(s, &figures);
    int result = workload_check(s, figures.last_seq, &records, why);
    if (result != 0)
        fail("check after the kill", why);
    else if (figures.last_seq < least || figures.last_seq > least + 1)
        result = fail("check after the kill", "a commit is lost");
    if (store_close(s) != 0)
        result = fail("close", "it failed");
    atomic_store(done, figures.last_seq);
    return result;
}

static int kill_rounds(const char *dir)
{
    atomic_ullong *done =
        mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED)
        return fail("mmap", strerror(errno));
    atomic_init(done, 0);
    unsigned seed = (unsigned)getpid();
    int result = 0;
    for (int round = 0; round < ROUNDS && result == 0; round++) {
        result = kill_once(dir, done, (unsigned)rand_r(&seed));
        if (result == 0)
            result = check_after_kill(dir, done);
    }
    printf("store_test: killed %d times, last commit %llu\n", ROUNDS, atomic_load(done));
    if (munmap(done, sizeof *done) != 0)
        result = fail("munmap", strerror(errno));
    return result;
}

/* A log that ends anywhere leaves the commits before that, and the store goes on from there. */
static int torn_log(const char *dir)
{
    char log[EXAMPLE_PATH], why[STORE_ERROR_MAX];
    uint64_t commits = 50, records;
    struct stat st;
    example_path(log, dir, "00000001.log");
    for (int round = 0; round < 40; round++) {
        store *s;
        store_figures figures;
        if (store_open(dir, &s, why) != 0)
            return fail("open", why);
        store_get_figures(s, &figures);
        int result = workload_check(s, figures.last_seq, &records, why);
        for (uint64_t seq = figures.last_seq + 1; seq <= commits && result == 0; seq++)
            result = workload_commit(s, seq, why);
        if (result != 0)
            fail("torn log", why);
        if (store_close(s) != 0)
            result = fail("close", "it failed");
        if (result != 0)
            return result;
        if (stat(log, &st) != 0 || truncate(log, st.st_size - 1 - round * 37) != 0)
            return fail(log, strerror(errno));
    }
    printf("store_test: tore the log 40 times\n");
    return 0;
}

int main(int argc, char **argv)
{
    char dir[EXAMPLE_PATH], path[EXAMPLE_PATH];
    if (example_directory(argc, argv, "store-test", dir) != 0)
        return 1;
    example_path(path, dir, "killed");
    if (kill_rounds(path) != 0)
        return 1;
    example_path(path, dir, "torn");
    return torn_log(path) == 0 ? 0 : 1;
}

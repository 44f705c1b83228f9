#include "workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

/* The finalizer of splitmix64: as good as random, and the same each time. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint32_t key_of(uint64_t seq)
{
    return (uint32_t)(seq <= WORKLOAD_KEYS ? seq - 1 : mix(seq) % WORKLOAD_KEYS);
}

static size_t value_of(uint64_t seq, unsigned char out[STORE_VALUE_MAX])
{
    size_t length = 100 + mix(seq ^ 0xABCD) % 1000;
    for (size_t i = 0; i < length; i += 8) {
        uint64_t bytes = mix(seq << 10 | i);
        memcpy(out + i, &bytes, 8); /* up to 7 bytes beyond `length`; the buffer has room */
    }
    return length;
}

int workload_commit(store *s, uint64_t seq, char why[STORE_ERROR_MAX])
{
    unsigned char value[STORE_VALUE_MAX];
    uint64_t got = 0;
    int result = store_put(s, key_of(seq), value, value_of(seq, value), &got);
    if (result != 0)
        snprintf(why, STORE_ERROR_MAX, "%s", result < 0 ? store_error(s) : "record too large");
    else if (got != seq)
        snprintf(why, STORE_ERROR_MAX, "commit %llu became number %llu", (unsigned long long)seq,
                 (unsigned long long)got);
    return result == 0 && got == seq ? 0 : -1;
}

static int check_key(store *s, uint32_t key, uint64_t expected_seq, char why[STORE_ERROR_MAX])
{
    unsigned char got[STORE_VALUE_MAX], expected[STORE_VALUE_MAX];
    size_t length = 0;
    uint64_t seq = 0;
    int result = store_get(s, key, got, &length, &seq, why);
    if (result < 0)
        return -1;
    if (seq != expected_seq) {
        snprintf(why, STORE_ERROR_MAX, "key %u: commit %llu is there instead of %llu (0: none)",
                 key, (unsigned long long)seq, (unsigned long long)expected_seq);
        return -1;
    }
    if (expected_seq == 0)
        return 0;
    if (length != value_of(seq, expected) || memcmp(got, expected, length) != 0) {
        snprintf(why, STORE_ERROR_MAX, "key %u, commit %llu: the value is wrong", key,
                 (unsigned long long)seq);
        return -1;
    }
    return 0;
}

int workload_check(store *s, uint64_t last, uint64_t *records, char why[STORE_ERROR_MAX])
{
    store_figures figures;
    store_get_figures(s, &figures);
    if (figures.last_seq != last) {
        snprintf(why, STORE_ERROR_MAX, "its last commit is %llu instead of %llu",
                 (unsigned long long)figures.last_seq, (unsigned long long)last);
        return -1;
    }
    uint64_t *expected = calloc(WORKLOAD_KEYS, sizeof *expected);
    if (expected == NULL) {
        snprintf(why, STORE_ERROR_MAX, "%s", strerror(errno));
        return -1;
    }
    for (uint64_t seq = 1; seq <= last; seq++)
        expected[key_of(seq)] = seq;
    int result = 0;
    *records = 0;
    for (uint32_t key = 0; key < WORKLOAD_KEYS && result == 0; key++) {
        result = check_key(s, key, expected[key], why);
        *records += expected[key] != 0;
    }
    free(expected);
    return result;
}

int workload_check_directory(const char *dir, uint64_t last, uint64_t *records,
                             char why[STORE_ERROR_MAX])
{
    store *s = NULL;
    store_figures figures;
    if (store_open(dir, &s, why) != 0)
        return -1;
    store_get_figures(s, &figures);
    int result = workload_check(s, last, records, why);
    if (result == 0 && figures.torn_bytes != 0) {
        snprintf(why, STORE_ERROR_MAX, "the log was torn, by %llu bytes",
                 (unsigned long long)figures.torn_bytes);
        result = -1;
    }
    if (store_close(s) != 0 && result == 0) {
        snprintf(why, STORE_ERROR_MAX, "it could not be closed");
        result = -1;
    }
    return result;
}

static void *write_on_and_on(void *argument)
{
    workload_writer *w = argument;
    for (uint64_t seq = w->first; !atomic_load(&w->stop); seq++) {
        if (workload_commit(w->store, seq, w->why) != 0) {
            w->failed = 1;
            return NULL;
        }
        if (seq % 64 == 0)
            example_sleep(w->rest);
    }
    return NULL;
}

int workload_start(workload_writer *w, store *s, uint64_t first, double rest)
{
    *w = (workload_writer){.store = s, .first = first, .rest = rest};
    atomic_init(&w->stop, 0);
    errno = pthread_create(&w->thread, NULL, write_on_and_on, w);
    return errno == 0 ? 0 : -1;
}

int workload_stop(workload_writer *w)
{
    atomic_store(&w->stop, 1);
    int error = pthread_join(w->thread, NULL);
    if (error != 0) {
        snprintf(w->why, sizeof w->why, "joining the writer: %s", strerror(error));
        return -1;
    }
    return w->failed ? -1 : 0;
}

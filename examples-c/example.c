#include "example.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int failed(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return -1;
}

int example_directory(int argc, char **argv, const char *name, char out[EXAMPLE_PATH])
{
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: %s [directory]\n", argv[0]);
        return -1;
    }
    if (argc == 2) {
        if (example_mkdir(argv[1]) != 0)
            return -1;
        if (realpath(argv[1], out) == NULL) /* writes at most PATH_MAX bytes, which is 4096 */
            return failed(argv[1]);
    } else {
        const char *parent = getenv("TMPDIR");
        char pattern[128];
        snprintf(pattern, sizeof pattern, "hotbackup-%s-XXXXXX", name);
        example_path(out, parent != NULL && parent[0] != '\0' ? parent : "/tmp", pattern);
        if (mkdtemp(out) == NULL)
            return failed(out);
    }
    printf("directory: %s (it stays)\n", out);
    return 0;
}

void example_path(char out[EXAMPLE_PATH], const char *dir, const char *name)
{
    int length = snprintf(out, EXAMPLE_PATH, "%s/%s", dir, name);
    if (length < 0 || length >= EXAMPLE_PATH) {
        fprintf(stderr, "the path %s/%s is too long\n", dir, name);
        exit(1);
    }
}

int example_mkdir(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : failed(path);
}

int example_write(const char *path, uint64_t bytes)
{
    unsigned char block[64 * 1024];
    uint64_t state = 88172645463325252u + bytes;
    for (size_t i = 0; i < sizeof block; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        block[i] = (unsigned char)state;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return failed(path);
    while (bytes > 0) {
        ssize_t written = write(fd, block, bytes < sizeof block ? (size_t)bytes : sizeof block);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            (void)failed(path);
            (void)close(fd);
            return -1;
        }
        bytes -= (uint64_t)written;
    }
    return close(fd) == 0 ? 0 : failed(path);
}

int example_count(const char *dir, const char *prefix)
{
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL)
        return failed(dir);
    int count = 0;
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(open_dir)) != NULL)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (errno != 0)
        count = failed(dir);
    if (closedir(open_dir) != 0)
        return failed(dir);
    return count;
}

double example_seconds(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        abort();
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void example_sleep(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* What all examples share: a directory to work in, a clock, and how to print an error. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdint.h>

#define EXAMPLE_PATH 4096

/* The directory to work in: the program's argument, made if need be, or else a fresh one below
 * $TMPDIR or /tmp. It is printed, and stays when the program ends. -1: a message was printed. */
int example_directory(int argc, char **argv, const char *name, char out[EXAMPLE_PATH]);

/* `dir`/`name`. Ends the program if that is too long. */
void example_path(char out[EXAMPLE_PATH], const char *dir, const char *name);

/* Makes a directory unless it is there, or a file of so many bytes. -1: a message was printed. */
int example_mkdir(const char *path);
int example_write(const char *path, uint64_t bytes);

/* How many names in a directory begin with `prefix`; -1: a message was printed. */
int example_count(const char *dir, const char *prefix);

double example_seconds(void); /* of a clock that never jumps */
void example_sleep(double seconds);

#endif

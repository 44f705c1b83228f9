/* Runs every case of the list in its first argument below the scratch directory in its second, and
 * compares what it ended with. Prints nothing unless something is wrong. */
#include "c/scene.h"

static const struct scenario *const all[] = {backups,       checkpoints, failures, interruptions,
                                             looks,    restores,    sharing,  snapshots};
#define THEMES (sizeof all / sizeof *all)

/* Which of them were in the list: by theme and place. */
static bool listed[THEMES][16];

static char current[64] = "";

static void say_which(void) {
    if (current[0]) fprintf(stderr, "in the case %s\n", current);
}

static const struct scenario *find(const char *name) {
    for (size_t theme = 0; theme < THEMES; theme++)
        for (size_t i = 0; all[theme][i].name; i++)
            if (strcmp(all[theme][i].name, name) == 0) {
                CHECK(i < 16 && !listed[theme][i]);
                listed[theme][i] = true;
                return &all[theme][i];
            }
    fprintf(stderr, "the case %s is in the list alone\n", name);
    exit(1);
}

/* The text before the next bar or the end, without the blanks around it. */
static char *field(char **rest) {
    CHECK(*rest);
    char *start = *rest + strspn(*rest, " "), *end = start + strcspn(start, "|\n");
    *rest = *end == '|' ? end + 1 : NULL;
    while (end > start && end[-1] == ' ') end--;
    *end = '\0';
    return start;
}

static void run(const char *name, const char *code, const char *calls) {
    snprintf(current, sizeof current, "%s", name);
    const struct scenario *scenario = find(name);
    struct scene scene;
    scene_set(&scene, in(scratch, name), "data");
    const char *ended = backup_code_name(scenario->ends_with(&scene)) + strlen("BACKUP_");
    scene_strike(&scene);
    if (strcmp(ended, code) != 0 || strcmp(scene.calls, calls) != 0) {
        fprintf(stderr, "%s, not %s; its hooks: %s, not: %s\n", ended, code, scene.calls, calls);
        exit(1);
    }
    current[0] = '\0';
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    snprintf(scratch.text, sizeof scratch.text, "%s", argv[2]);
    CHECK(atexit(say_which) == 0);
    FILE *list = fopen(argv[1], "r");
    CHECK(list);
    char line[256];
    while (fgets(line, sizeof line, list)) {
        if (line[0] == '#' || line[0] == '\n') continue;
        char *rest = line, *name = field(&rest), *code = field(&rest), *calls = field(&rest);
        CHECK(!rest);
        run(name, code, calls);
    }
    CHECK(!ferror(list) && fclose(list) == 0);
    for (size_t theme = 0; theme < THEMES; theme++)
        for (size_t i = 0; all[theme][i].name; i++)
            if (!listed[theme][i]) {
                fprintf(stderr, "the case %s is not in the list\n", all[theme][i].name);
                return 1;
            }
    return 0;
}

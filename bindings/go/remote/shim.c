#define _GNU_SOURCE
#include "shim.h"
#include "_cgo_export.h"

#include <signal.h>

// The library's threads block all signals. A process that the password function starts there would inherit
// that, and not be ended by SIGTERM; so it runs with the signal mask that all threads of Go's have.
static sigset_t usual;

void hb_go_remote_init(void) {
    pthread_sigmask(SIG_SETMASK, NULL, &usual);
}

static int32_t password(void *handle, backup_secret *secret) {
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &usual, &before);
    int32_t outcome = hotbackupRemoteGoPassword((uintptr_t)handle, secret);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return outcome;
}

static void let_go(void *handle) {
    hotbackupRemoteGoLetGo((uintptr_t)handle);
}

backup_code hb_go_remote_set_password(backup_remote_options *options, uintptr_t handle, backup_error **error) {
    return backup_remote_options_set_password_hook(options, password, (void *)handle, let_go, error);
}

// What cgo cannot say itself: hooks as C functions that call Go, and Go handles, which are numbers
// and not pointers, as user_data.
#ifndef HOTBACKUP_GO_SHIM_H
#define HOTBACKUP_GO_SHIM_H

// A copy of this package alone, as `go mod vendor` makes one, has neither header nor library.
#if defined(__has_include)
#if !__has_include(<hotbackup.h>)
#error hotbackup.h is not found: outside of its source tree the Go package needs the installed library (packaging/install.sh) and -tags hotbackup_pkgconfig
#define HB_GO_NO_HEADER
#endif
#endif
#ifndef HB_GO_NO_HEADER

#include <hotbackup.h>
#include <stdint.h>

// Once, on a thread of Go's, before any other.
void hb_go_init(void);

// backup_run; with flags of 0 and more, backup_checkpoint_run.
backup_code hb_go_run(backup_coordinator *, int32_t flags, backup_job **, backup_error **);

// The hooks of one call of Open, Restore or Verify; the values are known in c_hooks.go.
enum { HB_GO_CHECKPOINT, HB_GO_FREEZE, HB_GO_THAW, HB_GO_RELEASE };

// Each takes over the Go handle, also when it fails.
backup_code hb_go_set_checkpoint(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_freeze(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_release(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_validate(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_progress(backup_options *, uintptr_t handle, backup_error **);

void hb_go_hook_set_error(backup_hook *, const char *message, uintptr_t cause);
uintptr_t hb_go_error_cause(const backup_error *);

// A number for the calling thread that no other living thread has.
uintptr_t hb_go_thread(void);

// A descriptor of the caller's own for the job's eventfd, close-on-exec; -1: there is none.
int hb_go_event(const backup_job *);

// Whether that descriptor is readable now.
int hb_go_is_readable(int descriptor);

#endif
#endif

// What cgo cannot say itself: the password function as a C function that calls Go.
#ifndef HOTBACKUP_REMOTE_GO_SHIM_H
#define HOTBACKUP_REMOTE_GO_SHIM_H

#if defined(__has_include)
#if !__has_include(<hotbackup_remote.h>)
#error hotbackup_remote.h is not found: outside of its source tree the Go package needs the installed library (packaging/install.sh) and -tags hotbackup_pkgconfig
#define HB_GO_NO_HEADER
#endif
#endif
#ifndef HB_GO_NO_HEADER

#include <hotbackup_remote.h>
#include <stdint.h>

// Once, on a thread of Go's, before any other.
void hb_go_remote_init(void);

// Takes over the Go handle, also when it fails.
backup_code hb_go_remote_set_password(backup_remote_options *, uintptr_t handle, backup_error **);

#endif
#endif

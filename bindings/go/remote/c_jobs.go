package remote

// #include "shim.h"
import "C"

import (
	"unsafe"

	"hotbackup/internal/lent"
)

type start = func(*C.backup_options, **C.backup_job, **C.backup_error) C.backup_code

// begin calls what starts a job, for the base package.
func begin(options unsafe.Pointer, start start) (unsafe.Pointer, error) {
	lent.GCPoint()
	var out *C.backup_job
	var failure *C.backup_error
	code := start((*C.backup_options)(options), &out, &failure)
	return unsafe.Pointer(out), result(code, failure)
}

func startPush(remote remotePtr, snapshot string, options unsafe.Pointer) (unsafe.Pointer, error) {
	var given cStrings
	defer func() { given.free() }()
	from, err := given.add("the snapshot", snapshot)
	if err != nil {
		return nil, err
	}
	return begin(options, func(o *C.backup_options, out **C.backup_job, e **C.backup_error) C.backup_code {
		return C.backup_remote_push_start(remote, from, o, out, e)
	})
}

func startVerify(remote remotePtr, id string, options unsafe.Pointer) (unsafe.Pointer, error) {
	var given cStrings
	defer func() { given.free() }()
	which, err := given.add("the id", id)
	if err != nil {
		return nil, err
	}
	return begin(options, func(o *C.backup_options, out **C.backup_job, e **C.backup_error) C.backup_code {
		return C.backup_remote_verify_start(remote, which, o, out, e)
	})
}

// startBring starts a fetch or, if it restores, a restore.
func startBring(remote remotePtr, restores bool, id, target string, options unsafe.Pointer) (unsafe.Pointer, error) {
	var given cStrings
	defer func() { given.free() }()
	which, err := given.add("the id", id)
	if err != nil {
		return nil, err
	}
	to, err := given.add("the target", target)
	if err != nil {
		return nil, err
	}
	return begin(options, func(o *C.backup_options, out **C.backup_job, e **C.backup_error) C.backup_code {
		if restores {
			return C.backup_remote_restore_start(remote, which, to, o, out, e)
		}
		return C.backup_remote_fetch_start(remote, which, to, o, out, e)
	})
}

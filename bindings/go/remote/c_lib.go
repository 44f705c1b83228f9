package remote

// The files c_*.go hold all that calls C or is called by it; the others are plain Go.

// #cgo !hotbackup_pkgconfig CFLAGS: -I${SRCDIR}/../../../include
// #cgo !hotbackup_pkgconfig LDFLAGS: -L${SRCDIR}/../../../target/release -lhotbackup_remote -l:libhotbackup.a -lpthread -lm -ldl
// #cgo hotbackup_pkgconfig pkg-config: hotbackup_remote hotbackup
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"unsafe"

	"hotbackup"
	"hotbackup/internal/lent"
)

func init() { C.hb_go_remote_init() }

type (
	remotePtr  = *C.backup_remote
	optionsPtr = *C.backup_remote_options
)

// startJob is [lent.Start] by its type.
var startJob = lent.Start.(func(context.Context, any, []hotbackup.Option, lent.Starter) (*hotbackup.Job, error))

// Version is the library's, such as "0.1.0".
func Version() string { return C.GoString(C.backup_remote_version()) }

// result makes a Go error of what a call returned and gave, and frees that.
func result(code C.backup_code, given *C.backup_error) error {
	return lent.Result(int32(code), unsafe.Pointer(given))
}

// cStrings are for the time of one C call.
type cStrings []*C.char

func (all *cStrings) add(name, value string) (*C.char, error) {
	text, err := lent.Text(name, value)
	if err != nil {
		return nil, err
	}
	*all = append(*all, (*C.char)(text))
	return (*C.char)(text), nil
}

func (all cStrings) free() {
	for _, text := range all {
		C.free(unsafe.Pointer(text))
	}
}

func openRemote(url string, options *C.backup_remote_options) (remotePtr, string, error) {
	lent.GCPoint()
	var given cStrings
	defer func() { given.free() }()
	text, err := given.add("the URL", url)
	if err != nil {
		return nil, "", err
	}
	var out remotePtr
	var failure *C.backup_error
	code := C.backup_remote_open(text, options, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, "", err
	}
	return out, C.GoString(C.backup_remote_url(out)), nil
}

func closeRemote(remote remotePtr) {
	lent.GCPoint()
	C.backup_remote_close(remote)
}

func initRemote(remote remotePtr) error {
	lent.GCPoint()
	var failure *C.backup_error
	code := C.backup_remote_init(remote, &failure)
	return result(code, failure)
}

func repositoryID(remote remotePtr) (string, error) {
	lent.GCPoint()
	var out *C.char
	var failure *C.backup_error
	code := C.backup_remote_repository_id(remote, &out, &failure)
	if err := result(code, failure); err != nil {
		return "", err
	}
	return C.GoString(out), nil
}

func forget(remote remotePtr, id string) error {
	lent.GCPoint()
	var given cStrings
	defer func() { given.free() }()
	which, err := given.add("the id", id)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_remote_forget(remote, which, &failure)
	return result(code, failure)
}

func requests(remote remotePtr) (Requests, error) {
	lent.GCPoint()
	var now C.backup_remote_requests
	var failure *C.backup_error
	code := C.backup_remote_requests_now(remote, &now, C.sizeof_backup_remote_requests, &failure)
	return Requests{
		Puts:      uint64(now.puts),
		Gets:      uint64(now.gets),
		Lists:     uint64(now.lists),
		Deletes:   uint64(now.deletes),
		BytesUp:   uint64(now.bytes_up),
		BytesDown: uint64(now.bytes_down),
		Retries:   uint64(now.retries),
	}, result(code, failure)
}

package remote

// #include "shim.h"
import "C"

import (
	"time"
	"unsafe"

	"hotbackup/internal/lent"
)

func list(remote remotePtr, host string) ([]Snapshot, error) {
	lent.GCPoint()
	var given cStrings
	defer func() { given.free() }()
	var of *C.char
	if host != "" {
		var err error
		if of, err = given.add("the host", host); err != nil {
			return nil, err
		}
	}
	var out *C.backup_remote_list
	var failure *C.backup_error
	code := C.backup_remote_list_open(remote, of, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, err
	}
	defer C.backup_remote_list_free(out)
	var all []Snapshot
	for i := C.size_t(0); ; i++ {
		why := C.backup_remote_list_error(out, i)
		if why == nil {
			break
		}
		all = append(all, Snapshot{Number: NoNumber, Err: lent.Borrowed(unsafe.Pointer(why))})
	}
	for i := range C.backup_remote_list_count(out) {
		all = append(all, toSnapshot(C.backup_remote_list_get(out, i)))
	}
	return all, nil
}

func toSnapshot(from *C.backup_remote_snapshot) Snapshot {
	return Snapshot{
		ID:     C.GoString(C.backup_remote_snapshot_id(from)),
		Object: C.GoString(C.backup_remote_snapshot_object(from)),
		Host:   C.GoString(C.backup_remote_snapshot_host(from)),
		Layout: C.GoString(C.backup_remote_snapshot_layout(from)),
		Tags:   toTags(from),
		Time:   toTime(C.backup_remote_snapshot_time_ms(from)),
		Number: uint64(C.backup_remote_snapshot_number(from)),
		Pushed: C.backup_remote_snapshot_is_pushed(from) != 0,
	}
}

func toTags(from *C.backup_remote_snapshot) []string {
	var tags []string
	for i := C.size_t(0); ; i++ {
		tag := C.backup_remote_snapshot_tag(from, i)
		if tag == nil {
			return tags
		}
		tags = append(tags, C.GoString(tag))
	}
}

func toTime(ms C.uint64_t) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

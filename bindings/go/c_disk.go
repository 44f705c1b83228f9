package hotbackup

// #include "shim.h"
import "C"

import (
	"time"
	"unsafe"
)

func latest(root string) (Snapshot, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the root", root)
	if err != nil {
		return Snapshot{}, err
	}
	var out *C.backup_snapshot
	var failure *C.backup_error
	code := C.backup_latest(path, &out, &failure)
	if err := result(code, failure); err != nil {
		return Snapshot{}, err
	}
	defer C.backup_snapshot_free(out)
	return toSnapshot(out), nil
}

func openSnapshot(location string) (Snapshot, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the snapshot", location)
	if err != nil {
		return Snapshot{}, err
	}
	var out *C.backup_snapshot
	var failure *C.backup_error
	code := C.backup_snapshot_open(path, &out, &failure)
	if err := result(code, failure); err != nil {
		return Snapshot{}, err
	}
	defer C.backup_snapshot_free(out)
	return toSnapshot(out), nil
}

// list calls yield with one snapshot after another until that returns false. Each is copied as it
// comes: metadata may be large.
func list(root string, yield func(Snapshot, error) bool) error {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the root", root)
	if err != nil {
		return err
	}
	var out *C.backup_list
	var failure *C.backup_error
	code := C.backup_list_open(path, &out, &failure)
	if err := result(code, failure); err != nil {
		return err
	}
	defer C.backup_list_free(out)
	for i := range C.backup_list_count(out) {
		one := C.backup_list_get(out, i)
		var unreadable error
		if why := C.backup_snapshot_error(one); why != nil {
			unreadable = toError(Code(C.backup_error_code(why)), why)
		}
		if !yield(toSnapshot(one), unreadable) {
			break
		}
	}
	return nil
}

func toSnapshot(from *C.backup_snapshot) Snapshot {
	var size C.size_t
	var metadata []byte
	if bytes := C.backup_snapshot_metadata(from, &size); bytes != nil {
		metadata = append([]byte{}, unsafe.Slice((*byte)(bytes), int(size))...)
	}
	gcPoint()
	return Snapshot{
		ID:            C.GoString(C.backup_snapshot_id(from)),
		Location:      C.GoString(C.backup_snapshot_location(from)),
		Layout:        C.GoString(C.backup_snapshot_layout(from)),
		Metadata:      metadata,
		Tags:          toTags(from),
		Freeze:        time.Duration(C.backup_snapshot_freeze_ns(from)),
		VerifiedAt:    toTime(C.backup_snapshot_verified_at_ms(from)),
		VerifiedLevel: VerifyLevel(C.backup_snapshot_verified_level(from)),
		Damaged:       C.backup_snapshot_is_damaged(from) != 0,
		StartedAt:     toTime(C.backup_snapshot_started_at_ms(from)),
		FinishedAt:    toTime(C.backup_snapshot_finished_at_ms(from)),
		Files:         uint64(C.backup_snapshot_files(from)),
		Bytes:         uint64(C.backup_snapshot_bytes(from)),
		FilesShared:   uint64(C.backup_snapshot_files_shared(from)),
		BytesShared:   uint64(C.backup_snapshot_bytes_shared(from)),
		FilesSkipped:  uint64(C.backup_snapshot_files_skipped(from)),
		FilesLeftOut:  uint64(C.backup_snapshot_files_left_out(from)),
	}
}

func toTags(from *C.backup_snapshot) []string {
	var tags []string
	for i := C.size_t(0); ; i++ {
		tag := C.backup_snapshot_tag(from, i)
		if tag == nil {
			return tags
		}
		tags = append(tags, C.GoString(tag))
	}
}

func deleteSnapshot(root, idOrName string) error {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the root", root)
	if err != nil {
		return err
	}
	which, err := given.add("the snapshot", idOrName)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_delete(path, which, &failure)
	return result(code, failure)
}

func removeCheckpoint(location string) error {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the checkpoint", location)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_checkpoint_remove(path, &failure)
	return result(code, failure)
}

func prune(root string, keepNewest uint32) (uint32, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the root", root)
	if err != nil {
		return 0, err
	}
	var deleted C.uint32_t
	var failure *C.backup_error
	code := C.backup_prune(path, C.uint32_t(keepNewest), &deleted, &failure)
	return uint32(deleted), result(code, failure)
}

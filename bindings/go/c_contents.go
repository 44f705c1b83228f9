package hotbackup

// #include "shim.h"
import "C"

import "time"

// contents calls yield with one entry after another until that returns false.
func contents(location string, yield func(Entry, error) bool) error {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the snapshot", location)
	if err != nil {
		return err
	}
	var out *C.backup_contents
	var failure *C.backup_error
	code := C.backup_contents_open(path, &out, &failure)
	if err := result(code, failure); err != nil {
		return err
	}
	defer C.backup_contents_free(out)
	for i := range C.backup_contents_count(out) {
		if !yield(toEntry(out, i), nil) {
			break
		}
	}
	return nil
}

func toEntry(from *C.backup_contents, i C.size_t) Entry {
	gcPoint()
	var length C.size_t
	entry := Entry{
		Kind:       EntryKind(C.backup_contents_kind(from, i)),
		Size:       uint64(C.backup_contents_size(from, i)),
		CRC32:      uint32(C.backup_contents_crc32(from, i)),
		Class:      FileClass(C.backup_contents_class(from, i)),
		Origin:     C.GoString(C.backup_contents_origin(from, i)),
		VerifiedAt: toTime(C.backup_contents_verified_at_ms(from, i)),
	}
	// No path is as long as a C.int takes.
	path := C.backup_contents_path(from, i, &length)
	entry.Path = string(C.GoBytes(path, C.int(length)))
	target := C.backup_contents_target(from, i, &length)
	entry.Target = string(C.GoBytes(target, C.int(length)))
	var mode, uid, gid, ns C.uint32_t
	var seconds C.int64_t
	if C.backup_contents_attributes(from, i, &mode, &uid, &gid, &seconds, &ns) != 0 {
		entry.HasAttributes = true
		entry.Mode, entry.UID, entry.GID = uint32(mode), uint32(uid), uint32(gid)
		entry.ModifiedAt = time.Unix(int64(seconds), int64(ns))
	}
	return entry
}

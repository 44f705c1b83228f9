package hotbackup

// #include "shim.h"
import "C"

func preview(dir string, options *C.backup_options) (*Preview, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the data directory", dir)
	if err != nil {
		return nil, err
	}
	var out *C.backup_preview
	var failure *C.backup_error
	code := C.backup_preview_open(path, options, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, err
	}
	defer C.backup_preview_free(out)
	told := &Preview{
		Root:            C.GoString(C.backup_preview_root(out)),
		Previous:        C.GoString(C.backup_preview_previous(out)),
		Directories:     uint64(C.backup_preview_directories(out)),
		IsOneFileSystem: C.backup_preview_is_one_file_system(out) != 0,
	}
	for i := range C.backup_preview_count(out) {
		told.Entries = append(told.Entries, toPreviewEntry(out, i))
	}
	var free, needed, reserve C.uint64_t
	for i := C.size_t(0); ; i++ {
		path := C.backup_preview_space(out, i, &free, &needed, &reserve)
		if path == nil {
			break
		}
		space := Space{C.GoString(path), uint64(free), uint64(needed), uint64(reserve)}
		told.Spaces = append(told.Spaces, space)
	}
	for i := C.size_t(0); ; i++ {
		why := C.backup_preview_refusal(out, i)
		if why == nil {
			return told, nil
		}
		told.Refusals = append(told.Refusals, toError(Code(C.backup_error_code(why)), why))
	}
}

func toPreviewEntry(from *C.backup_preview, i C.size_t) PreviewEntry {
	gcPoint()
	var length C.size_t
	path := C.backup_preview_path(from, i, &length)
	return PreviewEntry{
		Path:    string(C.GoBytes(path, C.int(length))),
		Kind:    EntryKind(C.backup_preview_kind(from, i)),
		Size:    uint64(C.backup_preview_size(from, i)),
		Class:   FileClass(C.backup_preview_class(from, i)),
		Rule:    C.GoString(C.backup_preview_rule(from, i)),
		Outcome: Outcome(C.backup_preview_outcome(from, i)),
	}
}

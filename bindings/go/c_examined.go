package hotbackup

// #include "shim.h"
import "C"

func knownRoots(dir string) ([]KnownRoot, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the data directory", dir)
	if err != nil {
		return nil, err
	}
	var out *C.backup_known_roots
	var failure *C.backup_error
	code := C.backup_known_roots_open(path, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, err
	}
	defer C.backup_known_roots_free(out)
	var known []KnownRoot
	for i := range C.backup_known_roots_count(out) {
		known = append(known, KnownRoot{
			ID:        C.GoString(C.backup_known_roots_id(out, i)),
			Path:      C.GoString(C.backup_known_roots_path(out, i)),
			RealPath:  C.GoString(C.backup_known_roots_real_path(out, i)),
			Standing:  Standing(C.backup_known_roots_standing(out, i)),
			Snapshots: uint64(C.backup_known_roots_snapshots(out, i)),
		})
	}
	return known, nil
}

func examine(path string) ([]Finding, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	place, err := given.add("the path", path)
	if err != nil {
		return nil, err
	}
	var out *C.backup_findings
	var failure *C.backup_error
	code := C.backup_findings_open(place, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, err
	}
	defer C.backup_findings_free(out)
	var found []Finding
	for i := range C.backup_findings_count(out) {
		found = append(found, Finding{
			Severity: Severity(C.backup_findings_severity(out, i)),
			Kind:     C.GoString(C.backup_findings_kind(out, i)),
			Path:     C.GoString(C.backup_findings_path(out, i)),
			What:     C.GoString(C.backup_findings_what(out, i)),
			Advice:   C.GoString(C.backup_findings_advice(out, i)),
		})
	}
	return found, nil
}

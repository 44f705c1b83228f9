package hotbackup

// #include "shim.h"
import "C"

// verdicts are those of a plan or, when it prunes, of what was done.
func verdicts(root string, retention Retention, prunes bool) ([]Verdict, error) {
	gcPoint()
	var given cStrings
	defer func() { given.free() }()
	path, err := given.add("the root", root)
	if err != nil {
		return nil, err
	}
	policy := C.backup_retention_new()
	defer C.backup_retention_free(policy)
	if err := retention.tell(policy, &given); err != nil {
		return nil, err
	}
	var out *C.backup_verdicts
	var failure *C.backup_error
	var code C.backup_code
	if prunes {
		code = C.backup_prune_by(path, policy, &out, &failure)
	} else {
		code = C.backup_retention_plan(path, policy, &out, &failure)
	}
	if err := result(code, failure); err != nil {
		return nil, err
	}
	defer C.backup_verdicts_free(out)
	told := make([]Verdict, 0, int(C.backup_verdicts_count(out)))
	for i := range C.backup_verdicts_count(out) {
		told = append(told, Verdict{
			ID:       C.GoString(C.backup_verdicts_id(out, i)),
			Location: C.GoString(C.backup_verdicts_location(out, i)),
			Goes:     C.backup_verdicts_goes(out, i) != 0,
			Reasons:  C.GoString(C.backup_verdicts_reasons(out, i)),
		})
	}
	return told, nil
}

// tell gives the rules to C.
func (r Retention) tell(policy *C.backup_retention, given *cStrings) error {
	counts, err := r.counts()
	if err != nil {
		return err
	}
	var failure *C.backup_error
	for rule := keepNewest; rule < len(counts); rule++ {
		code := C.backup_retention_keep(policy, C.int32_t(rule), C.uint32_t(counts[rule]), &failure)
		if err := result(code, failure); err != nil {
			return err
		}
	}
	code := C.backup_retention_keep_within_ms(policy, C.uint64_t(milliseconds(r.Within)), &failure)
	if err := result(code, failure); err != nil {
		return err
	}
	for _, tag := range r.Tags {
		text, err := given.add("the tag", tag)
		if err != nil {
			return err
		}
		code := C.backup_retention_keep_tag(policy, text, &failure)
		if err := result(code, failure); err != nil {
			return err
		}
	}
	return nil
}

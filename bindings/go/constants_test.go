package hotbackup

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

func header(t *testing.T) string {
	text, err := os.ReadFile("../../include/hotbackup.h")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConstantsAreThoseOfTheHeader(t *testing.T) {
	ours := map[string]int64{
		"INVALID_ARGUMENT": int64(ErrInvalidArgument), "NOT_FOUND": int64(ErrNotFound), "CONFLICT": int64(ErrConflict),
		"IO": int64(ErrIO), "NO_SPACE": int64(ErrNoSpace), "SOURCE_CHANGED": int64(ErrSourceChanged),
		"CORRUPT": int64(ErrCorrupt), "HOOK_FAILED": int64(ErrHookFailed), "FREEZE_TIMEOUT": int64(ErrFreezeTimeout),
		"CANCELLED": int64(ErrCancelled), "TIMEOUT": int64(ErrTimeout), "UNSUPPORTED": int64(ErrUnsupported),
		"RESTORE_UNFINISHED": int64(ErrRestoreUnfinished), "INTERNAL": int64(ErrInternal),
		"UNAUTHORIZED": int64(ErrUnauthorized), "UNREACHABLE": int64(ErrUnreachable),

		"FILE_IMMUTABLE": int64(Immutable), "FILE_APPEND_ONLY": int64(AppendOnly), "FILE_PINNED": int64(Pinned),
		"FILE_MUTABLE": int64(Mutable), "FILE_EXCLUDED": int64(Excluded), "FILE_UNFINISHED_OK": int64(UnfinishedOK),

		"VERIFY_NONE": int64(VerifyNone), "VERIFY_SIZE": int64(VerifySize),
		"VERIFY_CHECKSUM": int64(VerifyChecksum), "VERIFY_MEDIA": int64(VerifyMedia),
		"SYMLINKS_FAIL": int64(SymlinksFail), "SYMLINKS_PRESERVE": int64(SymlinksPreserve),
		"SHARE_NEVER": int64(ShareNever), "SHARE_SAFELY": int64(ShareSafely), "SHARE_ALWAYS": int64(ShareAlways),

		"KEEP_NEWEST": keepNewest, "KEEP_HOURLY": keepHourly, "KEEP_DAILY": keepDaily,
		"KEEP_WEEKLY": keepWeekly, "KEEP_MONTHLY": keepMonthly, "KEEP_YEARLY": keepYearly,

		"KIND_BACKUP": int64(KindBackup), "KIND_RESTORE": int64(KindRestore), "KIND_VERIFY": int64(KindVerify),
		"KIND_CHECKPOINT": int64(KindCheckpoint), "KIND_SCRUB": int64(KindScrub), "KIND_PUSH": int64(KindPush), "KIND_FETCH": int64(KindFetch), "CHECKPOINT_UNTIL_CLOSE": int64(CheckpointUntilClose),
		"CHECKPOINT_LINKS_ARE_SAFE": int64(CheckpointLinksAreSafe),
		"ENTRY_FILE":                int64(EntryFile), "ENTRY_DIRECTORY": int64(EntryDirectory), "ENTRY_LINK": int64(EntryLink), "ENTRY_OTHER": int64(EntryOther),
		"STANDING_SAME": int64(StandingSame), "STANDING_MISSING": int64(StandingMissing), "STANDING_ANOTHER": int64(StandingAnother),
		"STANDING_SEALED_BY_ANOTHER": int64(StandingSealedByAnother), "STANDING_UNREADABLE": int64(StandingUnreadable),
		"SEVERITY_OK": int64(SeverityOK), "SEVERITY_NOTICE": int64(SeverityNotice),
		"SEVERITY_WARNING": int64(SeverityWarning), "SEVERITY_ERROR": int64(SeverityError),
		"OUTCOME_COPIED_IN_FREEZE": int64(OutcomeCopiedInFreeze), "OUTCOME_COPIED_AFTER_FREEZE": int64(OutcomeCopiedAfterFreeze),
		"OUTCOME_COPIED_BEFORE_RELEASE": int64(OutcomeCopiedBeforeRelease), "OUTCOME_CLONED": int64(OutcomeCloned),
		"OUTCOME_SHARED": int64(OutcomeShared), "OUTCOME_LINK_KEPT": int64(OutcomeLinkKept),
		"OUTCOME_EXCLUDED": int64(OutcomeExcluded), "OUTCOME_SKIPPED": int64(OutcomeSkipped), "OUTCOME_REFUSED": int64(OutcomeRefused),
		"STATE_QUEUED": int64(StateQueued), "STATE_RUNNING": int64(StateRunning),
		"STATE_COMPLETED": int64(StateCompleted), "STATE_FAILED": int64(StateFailed), "STATE_CANCELLED": int64(StateCancelled),
		"PHASE_NONE": int64(PhaseNone), "PHASE_CHECKPOINT": int64(PhaseCheckpoint), "PHASE_PIN": int64(PhasePin),
		"PHASE_FREEZE": int64(PhaseFreeze), "PHASE_COPY": int64(PhaseCopy), "PHASE_VERIFY": int64(PhaseVerify),
		"PHASE_PUBLISH": int64(PhasePublish), "PHASE_SWAP": int64(PhaseSwap),
		"PHASE_SCAN": int64(PhaseScan), "PHASE_UPLOAD": int64(PhaseUpload),
		"PHASE_COMMIT": int64(PhaseCommit), "PHASE_DOWNLOAD": int64(PhaseDownload),
		"RECOVERED_NOTHING": int64(RecoveredNothing), "RECOVERED_OLD": int64(RecoveredOld), "RECOVERED_NEW": int64(RecoveredNew),

		"OK": 0, "ABI_VERSION": 0,
	}
	found := regexp.MustCompile(`(?m)^#define BACKUP_(\w+) (\d+)$`).FindAllStringSubmatch(header(t), -1)
	for _, define := range found {
		value, known := ours[define[1]]
		if !known {
			t.Errorf("BACKUP_%s has no constant here", define[1])
		} else if strconv.FormatInt(value, 10) != define[2] {
			t.Errorf("BACKUP_%s is %s, here %d", define[1], define[2], value)
		}
		delete(ours, define[1])
	}
	for name := range ours {
		t.Errorf("BACKUP_%s is not in the header", name)
	}
}

func TestCodesAndNamesHaveWords(t *testing.T) {
	for code := range codeNames(t) {
		if _, known := codeTexts[code]; !known && code != 0 {
			t.Errorf("code %d has no words", code)
		}
	}
	for got, want := range map[string]string{
		ErrNoSpace.Error(): "hotbackup: no space", Code(99).Error(): "hotbackup: code 99",
		KindVerify.String(): "verify", Kind(9).String(): "9", StateFailed.String(): "failed", State(0).String(): "0",
		PhaseSwap.String(): "swap", PhaseDownload.String(): "download", KindFetch.String(): "fetch", RecoveredOld.String(): "old", Recovered(-1).String(): "-1",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestTheVersionIsThatOfTheTree(t *testing.T) {
	manifest, err := os.ReadFile("../../Cargo.toml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^version = "(.+)"$`).FindSubmatch(manifest)
	if found == nil || string(found[1]) != Version() {
		t.Errorf("%q, in Cargo.toml %q", Version(), found)
	}
}

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

		"FILE_IMMUTABLE": int64(Immutable), "FILE_APPEND_ONLY": int64(AppendOnly), "FILE_PINNED": int64(Pinned),
		"FILE_MUTABLE": int64(Mutable), "FILE_EXCLUDED": int64(Excluded), "FILE_UNFINISHED_OK": int64(UnfinishedOK),

		"VERIFY_NONE": int64(VerifyNone), "VERIFY_SIZE": int64(VerifySize),
		"VERIFY_CHECKSUM": int64(VerifyChecksum), "VERIFY_MEDIA": int64(VerifyMedia),
		"SYMLINKS_FAIL": int64(SymlinksFail), "SYMLINKS_PRESERVE": int64(SymlinksPreserve),
		"SHARE_NEVER": int64(ShareNever), "SHARE_SAFELY": int64(ShareSafely), "SHARE_ALWAYS": int64(ShareAlways),

		"KEEP_NEWEST": keepNewest, "KEEP_HOURLY": keepHourly, "KEEP_DAILY": keepDaily,
		"KEEP_WEEKLY": keepWeekly, "KEEP_MONTHLY": keepMonthly, "KEEP_YEARLY": keepYearly,

		"KIND_BACKUP": int64(KindBackup), "KIND_RESTORE": int64(KindRestore), "KIND_VERIFY": int64(KindVerify),
		"KIND_CHECKPOINT": int64(KindCheckpoint), "KIND_SCRUB": int64(KindScrub), "CHECKPOINT_UNTIL_CLOSE": int64(CheckpointUntilClose),
		"CHECKPOINT_LINKS_ARE_SAFE": int64(CheckpointLinksAreSafe),
		"STATE_QUEUED":              int64(StateQueued), "STATE_RUNNING": int64(StateRunning),
		"STATE_COMPLETED": int64(StateCompleted), "STATE_FAILED": int64(StateFailed), "STATE_CANCELLED": int64(StateCancelled),
		"PHASE_NONE": int64(PhaseNone), "PHASE_CHECKPOINT": int64(PhaseCheckpoint), "PHASE_PIN": int64(PhasePin),
		"PHASE_FREEZE": int64(PhaseFreeze), "PHASE_COPY": int64(PhaseCopy), "PHASE_VERIFY": int64(PhaseVerify),
		"PHASE_PUBLISH": int64(PhasePublish), "PHASE_SWAP": int64(PhaseSwap),
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
		PhaseSwap.String(): "swap", RecoveredOld.String(): "old", Recovered(-1).String(): "-1",
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

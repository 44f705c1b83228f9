package hotbackup

import (
	"fmt"
	"math"
	"time"
)

// FileClass is what the host promises about a file, and so how it is captured.
type FileClass int32

// The classes.
const (
	// Immutable never changes once it is complete, may be deleted (an SST). Linked ahead of the
	// freeze, and copied after thaw.
	Immutable FileClass = 1
	// AppendOnly is never truncated, nor written below its length, nor reused under another name; may
	// be deleted (a log that is not recycled). The part that exists at the freeze is copied after thaw.
	AppendOnly FileClass = 2
	// Pinned: what is reachable at the freeze does not change until release (LMDB and bbolt under a
	// read transaction that began inside the freeze). Its first 256 KiB are copied inside the freeze,
	// the rest after thaw and before release.
	Pinned FileClass = 3
	// Mutable may change at any time. Copied inside the freeze. What no rule matches is mutable.
	Mutable FileClass = 4
	// Excluded is not data (a lock file): left out, and left alone by a restore.
	Excluded FileClass = 5

	// UnfinishedOK is a flag or-ed to Immutable, for engines that build tables in place under their
	// final names and keep the truth in another file (LevelDB, RocksDB, Pebble): a file that is still
	// being built is left out and counted instead of failing the backup.
	UnfinishedOK FileClass = 0x100
)

// WholeFile is the length for [Hook.AddFile] that means all of the file.
const WholeFile uint64 = math.MaxUint64

// VerifyLevel is how much is read back before a copy counts as good. At every level the names,
// sizes and times of what was staged are compared.
type VerifyLevel int32

// The levels.
const (
	// VerifyNone reads nothing back.
	VerifyNone VerifyLevel = 0
	// VerifySize compares names and sizes.
	VerifySize VerifyLevel = 1
	// VerifyChecksum reads every byte back, from the cache or the disk. The default.
	VerifyChecksum VerifyLevel = 2
	// VerifyMedia evicts every byte from the cache first, so that the disk must give it.
	VerifyMedia VerifyLevel = 3
)

// Symlinks is what happens when a source holds a symbolic link.
type Symlinks int32

// The choices.
const (
	// SymlinksFail fails the backup and names the link: what it points to would be silently missing.
	// The default.
	SymlinksFail Symlinks = 0
	// SymlinksPreserve keeps the link itself.
	SymlinksPreserve Symlinks = 1
)

// Share is whether a backup shares files with the snapshot before it.
type Share int32

// The choices.
const (
	// ShareNever takes each file anew.
	ShareNever Share = 0
	// ShareSafely shares what has not changed, by clones where the root's file system makes them, else by
	// hard links; but not by links where there is a validate hook, since an engine that writes to what it
	// opens would write to older snapshots. The default.
	ShareSafely Share = 1
	// ShareAlways shares by links beneath a validate hook too: the host vouches that it writes to nothing it
	// looks at.
	ShareAlways Share = 2
)

// NeverReread is the age for [WithRereadAfter] that means never.
const NeverReread time.Duration = math.MaxInt64

// Kind is what a job is for.
type Kind uint32

// The kinds.
const (
	// KindBackup makes a snapshot.
	KindBackup Kind = 1
	// KindRestore puts a snapshot in place.
	KindRestore Kind = 2
	// KindVerify reads a snapshot and compares it.
	KindVerify Kind = 3
	// KindCheckpoint makes a checkpoint.
	KindCheckpoint Kind = 4
	// KindScrub reads back what is stored in a backup root.
	KindScrub Kind = 5
	// KindPush sends a snapshot to an object store.
	KindPush Kind = 6
	// KindFetch brings a snapshot from an object store.
	KindFetch Kind = 7
)

// EntryKind is what an [Entry] of a snapshot is.
type EntryKind int32

// The kinds.
const (
	// EntryFile is a regular file.
	EntryFile EntryKind = 1
	// EntryDirectory is a directory.
	EntryDirectory EntryKind = 2
	// EntryLink is a symbolic link.
	EntryLink EntryKind = 3
	// EntryOther is a FIFO, a socket or a device, which no snapshot has.
	EntryOther EntryKind = 4
)

// Outcome is what would become of a name in a backup.
type Outcome int32

// The outcomes.
const (
	// OutcomeCopiedInFreeze: all of it is copied inside the freeze window, as it is mutable.
	OutcomeCopiedInFreeze Outcome = 1
	// OutcomeCopiedAfterFreeze: it is pinned ahead of the window and copied after it, as it is immutable, or
	// append-only.
	OutcomeCopiedAfterFreeze Outcome = 2
	// OutcomeCopiedBeforeRelease: its first bytes are copied inside the window, the rest before release, as it
	// is [Pinned].
	OutcomeCopiedBeforeRelease Outcome = 3
	// OutcomeCloned: it shares its blocks with the source.
	OutcomeCloned Outcome = 4
	// OutcomeShared: it is the previous snapshot's, by a clone or a link.
	OutcomeShared Outcome = 5
	// OutcomeLinkKept: it is a symbolic link, which is kept as it is.
	OutcomeLinkKept Outcome = 6
	// OutcomeExcluded: a rule excludes it, with all below it.
	OutcomeExcluded Outcome = 7
	// OutcomeSkipped: it is no data, but a FIFO, a socket, a device or the library's own.
	OutcomeSkipped Outcome = 8
	// OutcomeRefused: it fails the backup, and the Refusals of a [Preview] say why.
	OutcomeRefused Outcome = 9
)

// Standing is what is where a data directory remembers a root.
type Standing int32

// What there is.
const (
	// StandingSame: that root, and nobody else has made backups into it since.
	StandingSame Standing = 1
	// StandingMissing: nothing, or a directory that is no root. Its disk may not be mounted.
	StandingMissing Standing = 2
	// StandingAnother: another root, or one whose record is lost or damaged.
	StandingAnother Standing = 3
	// StandingSealedByAnother: that root, into which another copy of the data directory has made backups since.
	StandingSealedByAnother Standing = 4
	// StandingUnreadable: it cannot be looked at.
	StandingUnreadable Standing = 5
)

// Severity is how much a [Finding] matters.
type Severity int32

// The severities.
const (
	// SeverityOK: all is well, and it says what is.
	SeverityOK Severity = 1
	// SeverityNotice: nothing is wrong, but it takes space or may surprise.
	SeverityNotice Severity = 2
	// SeverityWarning: something needs a look before it does harm.
	SeverityWarning Severity = 3
	// SeverityError: a backup or a restore would fail, or a snapshot is not good.
	SeverityError Severity = 4
)

// CheckpointFlags is how a checkpoint is made; 0: it stays until [RemoveCheckpoint].
type CheckpointFlags int32

// The flags, to be or-ed.
const (
	// CheckpointUntilClose: it is removed when its coordinator is closed or, after a crash, by [Recover].
	CheckpointUntilClose CheckpointFlags = 1
	// CheckpointLinksAreSafe: the host vouches that nothing ever truncates, rewrites in place or touches an
	// immutable file that has several names, not even when it is deleted: so any layout will do, and whatever
	// is immutable is linked. Where it is not so, the checkpoint changes with the live database.
	CheckpointLinksAreSafe CheckpointFlags = 2
)

// State is where a job stands.
type State uint32

// The states.
const (
	// StateQueued: accepted, not begun.
	StateQueued State = 1
	// StateRunning: at work.
	StateRunning State = 2
	// StateCompleted: ended well.
	StateCompleted State = 3
	// StateFailed: ended with an error, which [Job.Wait] returns.
	StateFailed State = 4
	// StateCancelled: ended because someone asked.
	StateCancelled State = 5
)

// Phase is what a job is doing.
type Phase uint32

// The phases, in their order.
const (
	// PhaseNone: it has not begun or has ended.
	PhaseNone Phase = 0
	// PhaseCheckpoint: the host flushes to a consistent state.
	PhaseCheckpoint Phase = 1
	// PhasePin: files are listed and pinned.
	PhasePin Phase = 2
	// PhaseFreeze: the host's writes are stopped and the window is open.
	PhaseFreeze Phase = 3
	// PhaseCopy: bytes are copied.
	PhaseCopy Phase = 4
	// PhaseVerify: the copy is synced, validated and compared.
	PhaseVerify Phase = 5
	// PhasePublish: the snapshot gets its name.
	PhasePublish Phase = 6
	// PhaseSwap: a restored tree takes the place of the present one.
	PhaseSwap Phase = 7
	// PhaseScan: what a store has already is looked at.
	PhaseScan Phase = 8
	// PhaseUpload: what it lacks is read and sent.
	PhaseUpload Phase = 9
	// PhaseCommit: a snapshot is put into a store's list.
	PhaseCommit Phase = 10
	// PhaseDownload: what a store has is brought and written.
	PhaseDownload Phase = 11
)

// Recovered is what [Recover] found.
type Recovered int32

// The outcomes.
const (
	// RecoveredNothing: no restore was interrupted here.
	RecoveredNothing Recovered = 0
	// RecoveredOld: one was, and all of what was there before is back.
	RecoveredOld Recovered = 1
	// RecoveredNew: one was, and all of what it restored is in place.
	RecoveredNew Recovered = 2
)

var (
	kindNames  = []string{1: "backup", 2: "restore", 3: "verify", 4: "checkpoint", 5: "scrub", 6: "push", 7: "fetch"}
	stateNames = []string{1: "queued", 2: "running", 3: "completed", 4: "failed", 5: "cancelled"}
	phaseNames = []string{"none", "checkpoint", "pin", "freeze", "copy", "verify", "publish", "swap",
		"scan", "upload", "commit", "download"}
	recoveredNames = []string{"nothing", "old", "new"}
)

// String is the kind's name in lower case, such as "backup".
func (k Kind) String() string { return name(kindNames, int64(k)) }

// String is the state's name in lower case, such as "running".
func (s State) String() string { return name(stateNames, int64(s)) }

// String is the phase's name in lower case, such as "copy".
func (p Phase) String() string { return name(phaseNames, int64(p)) }

// String is the outcome's name in lower case, such as "nothing".
func (r Recovered) String() string { return name(recoveredNames, int64(r)) }

// name is the number itself where a newer library knows more.
func name(names []string, value int64) string {
	if value >= 0 && value < int64(len(names)) && names[value] != "" {
		return names[value]
	}
	return fmt.Sprint(value)
}

// Progress is a job at one instant. What a job does not deal with stays 0.
type Progress struct {
	// Kind is what the job is for, State where it stands, Phase what it is doing.
	Kind  Kind
	State State
	Phase Phase
	// Percent goes from 0 to 100, never falling; 100 only once the job has completed.
	Percent int
	// BytesTotal and FilesTotal are what there is to deal with, as far as known.
	BytesTotal, FilesTotal uint64
	// BytesDone and FilesDone were dealt with: copied, cloned, linked or found to be holes.
	BytesDone, FilesDone uint64
	// BytesCopied were read and written.
	BytesCopied uint64
	// BytesCloned are shared by the file system (reflinks).
	BytesCloned uint64
	// BytesLinked are shared with an earlier snapshot, by links or clones; of a restore those that its
	// target had; of a checkpoint those of the live files.
	BytesLinked uint64
	// BytesHoles are holes on both sides.
	BytesHoles uint64
	// FilesSkipped are FIFOs, sockets, devices and the library's own leftovers, which are not data.
	FilesSkipped uint64
	// FilesLeftOut are immutable files that were still being built and belong to no consistent point.
	FilesLeftOut uint64
	// Freeze is the longest freeze window.
	Freeze time.Duration
	// StartedAt and FinishedAt, to the millisecond; the zero Time: not yet.
	StartedAt, FinishedAt time.Time
}

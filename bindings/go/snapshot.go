package hotbackup

import (
	"iter"
	"math"
	"time"
)

// Snapshot is what a snapshot says of itself, read once: a plain value that holds nothing open and stays
// good when the snapshot is deleted.
type Snapshot struct {
	// ID is the manifest's, which is that of the job that made it, else its name.
	ID string
	// Location is its directory, absolute, its bytes as they are on disk.
	Location string
	// Layout is the name of its layout; empty where the manifest names none.
	Layout string
	// Metadata is the host's; nil: there is none.
	Metadata []byte
	// StartedAt and FinishedAt are when its backup began and ended, to the millisecond; the zero Time
	// where unknown.
	StartedAt, FinishedAt time.Time
	// Tags are what its host calls it by, for retention policies.
	Tags []string
	// Freeze is the longest freeze window of its backup; 0: the host was not frozen, or it is unknown.
	Freeze time.Duration
	// VerifiedAt is when all of it was last read back and found good, by its backup, a verification or parts of
	// scrubs: the time of that of its files which was not read for the longest time. The zero Time: never, as far
	// as is known. VerifiedLevel is how; [VerifyNone]: never.
	VerifiedAt    time.Time
	VerifiedLevel VerifyLevel
	// Damaged says that something of it was found bad since it was last found good: [Verify] and [Scrub] name it.
	Damaged bool
	// Files is how many it has, Bytes the sum of their sizes.
	Files, Bytes uint64
	// FilesShared is how many of these it shares with an earlier snapshot, by links or clones, BytesShared the
	// sum of their sizes: what its backup did not take anew.
	FilesShared, BytesShared uint64
	// FilesSkipped are FIFOs, sockets, devices and the library's own leftovers, which are not data.
	FilesSkipped uint64
	// FilesLeftOut are immutable files that were still being built and belong to no consistent point.
	FilesLeftOut uint64
}

// Latest is the newest completed snapshot of a backup root. [ErrNotFound]: there is none.
func Latest(root string) (Snapshot, error) { return latest(root) }

// OpenSnapshot reads the snapshot at a location. Reads its manifest alone; whether the files are what that
// says is for [Verify]. [ErrNotFound]: there is none; [ErrCorrupt], [ErrUnsupported]: it cannot be read.
func OpenSnapshot(location string) (Snapshot, error) { return openSnapshot(location) }

// List lists the snapshots that a backup root has when the iteration begins, newest first. An unreadable
// one comes with its error, and with its ID and Location alone. If the root cannot be read, that is the
// only error, and the Snapshot that comes with it is the zero one. A root without any, or that does not
// exist yet, is an empty list.
func List(root string) iter.Seq2[Snapshot, error] {
	return func(yield func(Snapshot, error) bool) {
		if err := list(root, yield); err != nil {
			yield(Snapshot{}, err)
		}
	}
}

// Delete deletes one snapshot, by its id or its name. If it is the newest, the next newest becomes that.
// [ErrNotFound]: there is none; [ErrConflict]: the root is in use (a backup, another delete, a prune) or
// the snapshot is (a restore, a verification).
func Delete(root, idOrName string) error { return deleteSnapshot(root, idOrName) }

// Prune deletes all but the newest keepNewest snapshots, except those in use (a restore, a verification) and
// unreadable ones, which neither count nor go, and returns how many went; one in which something was found bad
// does not count. Fewer than 1 to keep is [ErrInvalidArgument]; [ErrConflict]: the root is in use. [PruneBy]
// prunes by more than a number.
func Prune(root string, keepNewest int) (deleted int, err error) {
	if keepNewest < 0 || keepNewest > math.MaxUint32 {
		return 0, invalid("pruning %s to %d snapshots: that is no number to keep", root, keepNewest)
	}
	went, err := prune(root, uint32(keepNewest))
	return int(went), err
}

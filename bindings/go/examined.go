package hotbackup

// KnownRoot is a backup root that a data directory has used, and what is there now.
type KnownRoot struct {
	// ID is the root's own.
	ID string
	// Path is where it was, as its user gave it.
	Path string
	// RealPath is Path with its links resolved; empty where that is not recorded.
	RealPath string
	// Standing is what is there now.
	Standing Standing
	// Snapshots is how many lie there now, readable or not, whosever root it is.
	Snapshots uint64
}

// KnownRoots are the backup roots that a data directory remembers, the one used last first. Nothing is changed.
func KnownRoots(dir string) ([]KnownRoot, error) { return knownRoots(dir) }

// Finding is one thing that [Examine] found.
type Finding struct {
	// Severity is how much it matters.
	Severity Severity
	// Kind is what sort of thing it is, in words that stay: "stale_staging".
	Kind string
	// Path is where.
	Path string
	// What is there, and what to do about it, in one line each.
	What, Advice string
}

// Examine examines a backup root, or a data directory with the roots that it remembers: locks and who holds them,
// what killed jobs have left, interrupted restores, snapshots that are not good, roots that are not the ones
// remembered. The worst comes first. To look takes no lock and changes nothing; what processes of other
// containers hold is not seen from here.
func Examine(path string) ([]Finding, error) { return examine(path) }

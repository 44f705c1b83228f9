package hotbackup

// Preview is what a backup would do now: a plain value.
type Preview struct {
	// Root is the backup root, which need not be there yet.
	Root string
	// Previous is the directory of the snapshot that files would be shared with; empty: there is none.
	Previous string
	// Entries are all names in the sources, in the order of their paths, but for directories that are captured
	// as such.
	Entries []PreviewEntry
	// Directories is how many would be captured, without the tops of the sources.
	Directories uint64
	// IsOneFileSystem says whether data directory and root lie on one file system, and so would be lost with
	// one disk.
	IsOneFileSystem bool
	// Spaces are the file systems concerned, the root's first.
	Spaces []Space
	// Refusals are what would fail a backup that began now, the first hundred.
	Refusals []error
}

// PreviewEntry is one name in the sources.
type PreviewEntry struct {
	// Path is where it would be in the snapshot.
	Path string
	// Kind is what it is.
	Kind EntryKind
	// Size is a file's, in bytes; 0 of what is none, and of what is excluded or skipped.
	Size uint64
	// Class is what it has by the rules.
	Class FileClass
	// Rule is the glob of the rule that gives its class; empty: none does, so it is mutable.
	Rule string
	// Outcome is what would become of it.
	Outcome Outcome
}

// Space is a file system that a backup would use.
type Space struct {
	// Path is a directory on it.
	Path string
	// Free is how many bytes are free there, [math.MaxUint64] if it does not say.
	Free uint64
	// Needed is how many bytes would be written there, Reserve how many the options want to stay free.
	Needed, Reserve uint64
}

// PreviewBackup tells what a backup of dir with these options, which are those of [Open], would do now. Nothing is
// made, locked or changed, and a host may have the directory open. What hooks would say cannot be told; none is
// called. Its error is that of an Open which would not open the directory at all; all else that would fail the
// backup is in the Refusals.
func PreviewBackup(dir string, opts ...Option) (*Preview, error) {
	return withOptions(opts, func(options optionsPtr, _ *hooks) (*Preview, error) {
		return preview(dir, options)
	})
}

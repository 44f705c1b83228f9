package hotbackup

import (
	"iter"
	"time"
)

// Entry is one name in a snapshot.
type Entry struct {
	// Path is relative to the snapshot, its bytes as they are on disk.
	Path string
	// Kind is what it is.
	Kind EntryKind
	// Size is a file's, in bytes, CRC32 its checksum (CRC-32/ISO-HDLC); 0 of what is none.
	Size  uint64
	CRC32 uint32
	// Class is as what a file was captured; 0 where that is not known.
	Class FileClass
	// HasAttributes says whether the manifest has the next four: permission bits, owner, group, time.
	HasAttributes  bool
	Mode, UID, GID uint32
	ModifiedAt     time.Time
	// Origin is, of a shared file, the id of the snapshot that first read it; else empty.
	Origin string
	// VerifiedAt is when a shared file had last been read back, as far as its backup knew.
	VerifiedAt time.Time
	// Target is what a symbolic link holds.
	Target string
}

// Contents lists what the snapshot at a location holds when the iteration begins, by its manifest: directories,
// then symbolic links, then files, each in the order of their paths. If it cannot be read, that is the only
// error, as of [OpenSnapshot], and the Entry that comes with it is the zero one.
func Contents(location string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := contents(location, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

package main

import (
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// logPrefix is where a log directory of its own stands in a snapshot.
const logPrefix = "logs"

// A setup is how a database is opened.
type setup struct {
	directory string
	logs      string // a directory of their own for the logs; "": where the tables are
	moved     bool   // the logs are no longer where the database remembers them
	keepLogs  bool   // logs are deleted when they are obsolete, not recycled
	blobs     bool   // long values go to files of their own
	memTable  uint64 // bytes
}

// restored is the setup of a restored copy.
func (s setup) restored(directory string) setup {
	s.directory = directory
	if s.logs != "" {
		s.logs, s.moved = filepath.Join(directory, logPrefix), true
	}
	return s
}

// options are small, so that flushes and compactions never stop.
func (s setup) options() *pebble.Options {
	options := &pebble.Options{
		FormatMajorVersion:    pebble.FormatNewest,
		Logger:                quiet{},
		WALDir:                s.logs,
		MemTableSize:          s.memTable,
		L0CompactionThreshold: 2,
		LBaseMaxBytes:         256 << 10,
		MaxManifestFileSize:   16 << 10,
	}
	for level := range options.TargetFileSizes {
		options.TargetFileSizes[level] = 64 << 10
	}
	// Without this, Pebble wants to look for logs where they were. Never let it do that with
	// WALRecoveryDirs: it would replay the logs of the live database on top of the copy.
	options.Unsafe.AllowMissingWALDirs = s.moved
	if s.keepLogs {
		options.Cleaner = deleting{}
	}
	if s.blobs {
		options.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
			return pebble.ValueSeparationPolicy{
				Enabled: true, MinimumSize: 1 << 10, MaxBlobReferenceDepth: 4, TargetGarbageRatio: 0.2,
			}
		}
	}
	return options
}

// deleting deletes obsolete files and recycles no logs. Pebble has no option for that, but it does so
// where its cleaner wants the contents of old files, as the one that archives them says of itself. Of
// the two cleaners that are embedded here, the outer one cleans.
type deleting struct {
	pebble.DeleteCleaner
	wanting
}

type wanting struct{ pebble.ArchiveCleaner }

// quiet drops what Pebble logs, unless it is the end.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

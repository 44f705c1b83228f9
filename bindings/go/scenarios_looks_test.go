package hotbackup

import (
	"os"
	"path/filepath"
)

var _ = scenario("contents", func(w *world) error {
	location := w.backups(w.open(), 1)[0].Location()
	expected := []Entry{
		{Path: "wal", Kind: EntryDirectory},
		{Path: "1.sst", Kind: EntryFile, Size: 18, Class: Immutable},
		{Path: "2.sst", Kind: EntryFile, Size: 100_000, Class: Immutable},
		{Path: "log", Kind: EntryFile, Size: 5, Class: Mutable},
	}
	for entry, err := range Contents(location) {
		w.must(err)
		if len(expected) == 0 {
			w.Fatalf("one more: %+v", entry)
		}
		stat, err := os.Stat(filepath.Join(location, entry.Path))
		w.must(err)
		if !entry.HasAttributes || entry.Mode != uint32(stat.Mode().Perm()) || !entry.ModifiedAt.Equal(stat.ModTime()) {
			w.Errorf("%+v of %v", entry, stat)
		}
		if (entry.CRC32 == 0) != (entry.Kind == EntryDirectory) {
			w.Errorf("the checksum of %+v", entry)
		}
		bare := Entry{Path: entry.Path, Kind: entry.Kind, Size: entry.Size, Class: entry.Class, Origin: entry.Origin, VerifiedAt: entry.VerifiedAt, Target: entry.Target}
		if bare != expected[0] {
			w.Errorf("%+v, not %+v", bare, expected[0])
		}
		expected = expected[1:]
	}
	if len(expected) > 0 {
		w.Errorf("missing: %+v", expected)
	}
	for range Contents(location) {
		break // ends it
	}
	return nil
})

var _ = scenario("contents-of-nothing", func(w *world) error {
	for _, err := range Contents(w.beside("missing")) {
		return err
	}
	return nil
})

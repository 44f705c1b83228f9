package hotbackup

import (
	"os"
	"path/filepath"
	"slices"
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

var _ = scenario("preview", func(w *world) error {
	told, err := PreviewBackup(w.data, w.options()...)
	w.must(err)
	expected := []PreviewEntry{
		{"1.sst", EntryFile, 18, Immutable, "*.sst", OutcomeCopiedAfterFreeze},
		{"2.sst", EntryFile, 100_000, Immutable, "*.sst", OutcomeCopiedAfterFreeze},
		{"log", EntryFile, 5, Mutable, "", OutcomeCopiedInFreeze},
	}
	if !slices.Equal(told.Entries, expected) {
		w.Errorf("%+v, not %+v", told.Entries, expected)
	}
	if told.Directories != 1 || told.Previous != "" || len(told.Refusals) != 0 || !told.IsOneFileSystem {
		w.Errorf("%+v", told)
	}
	if len(told.Spaces) != 1 || told.Spaces[0].Path != told.Root || told.Spaces[0].Free == 0 || told.Spaces[0].Needed < 100_023 {
		w.Errorf("%+v", told.Spaces)
	}
	w.absent(filepath.Join(w.data, ".lifecycle"))
	return nil
})

var _ = scenario("preview-refused", func(w *world) error {
	link := filepath.Join(w.data, "link")
	w.must(os.Symlink("nowhere", link))
	told, err := PreviewBackup(w.data, w.options()...)
	w.must(err)
	if len(told.Refusals) != 1 || told.Refusals[0].(*Error).Path != link || told.Entries[2].Outcome != OutcomeRefused {
		w.Fatalf("%+v", told)
	}
	return told.Refusals[0]
})

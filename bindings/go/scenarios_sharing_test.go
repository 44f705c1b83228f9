package hotbackup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// canShare makes the tables old: only what has settled is shared.
func (w *world) canShare() {
	w.Helper()
	hourAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"1.sst", "2.sst"} {
		w.must(os.Chtimes(filepath.Join(w.data, name), hourAgo, hourAgo))
	}
}

// shares makes a backup with another log than the one before it, that shares so much.
func (w *world) shares(files, bytes uint64, options ...Option) *Job {
	w.Helper()
	w.logs++
	w.write(filepath.Join(w.data, "log"), string(rune('a'+w.logs))+" log")
	job := w.backup(w.open(options...))
	w.forget()
	now, err := job.Status()
	w.must(err)
	made, err := OpenSnapshot(job.Location())
	w.must(err)
	if now.BytesLinked != bytes || made.FilesShared != files || made.BytesShared != bytes || made.Files != 3 {
		w.Errorf("%+v of %+v, not %d files of %d bytes", now, made, files, bytes)
	}
	return job
}

// warnings are so many.
func (w *world) warnings(job *Job, count int) []error {
	w.Helper()
	all, err := job.Warnings()
	w.must(err)
	if len(all) != count {
		w.Fatalf("%d warnings, not %d: %v", len(all), count, all)
	}
	return all
}

var _ = scenario("share-unchanged", func(w *world) error {
	w.canShare()
	w.warnings(w.shares(0, 0, WithShare(ShareAlways)), 0)
	w.warnings(w.shares(2, 100_018, WithShare(ShareAlways)), 0)
	return nil
})

var _ = scenario("share-never", func(w *world) error {
	w.canShare()
	w.shares(0, 0, WithShare(ShareAlways))
	w.warnings(w.shares(0, 0, WithShare(ShareNever)), 0)
	return nil
})

// rot flips a byte as a disk does it.
func (w *world) rot(stored string) {
	w.Helper()
	before, err := os.Stat(stored)
	w.must(err)
	content, err := os.ReadFile(stored)
	w.must(err)
	content[50_000] ^= 1
	w.write(stored, string(content))
	w.must(os.Chtimes(stored, before.ModTime(), before.ModTime()))
}

var _ = scenario("share-rotted", func(w *world) error {
	w.canShare()
	always := WithShare(ShareAlways)
	made := []*Job{w.shares(0, 0, always), w.shares(2, 100_018, always)}
	w.rot(filepath.Join(made[1].Location(), "2.sst"))
	made = append(made, w.shares(2, 100_018, always, WithRereadAfter(NeverReread)))
	w.warnings(made[2], 0)
	job := w.shares(1, 18, always, WithRereadAfter(0))
	warning := w.warnings(job, 1)[0]
	if path := warning.(*Error).Path; path != filepath.Join(made[2].Location(), "2.sst") {
		w.Errorf("the warning is of %q", path)
	}
	for _, older := range made {
		if name := filepath.Base(older.Location()); !strings.Contains(warning.Error(), name) {
			w.Errorf("%v does not name %s", warning, name)
		}
	}
	verification, err := Verify(ctx, job.Location())
	w.must(err)
	w.must(verification.Wait(ctx))
	return warning
})

var _ = scenario("scrub-rotted", func(w *world) error {
	w.canShare()
	always := WithShare(ShareAlways)
	w.shares(0, 0, always)
	second := w.shares(2, 100_018, always).Location()
	good, err := Scrub(ctx, filepath.Dir(second), ScrubBudget{})
	w.must(err)
	w.must(good.Wait(ctx))
	w.warnings(good, 0)
	w.rot(filepath.Join(second, "2.sst"))
	job, err := Scrub(ctx, filepath.Dir(second), ScrubBudget{Bytes: 1 << 30, Time: time.Hour})
	w.must(err)
	ended := job.Wait(ctx)
	if warning := w.warnings(job, 1)[0]; !errors.Is(warning, ErrCorrupt) || !strings.Contains(warning.Error(), filepath.Base(second)) {
		w.Errorf("%v does not name %s", warning, second)
	}
	if made, err := OpenSnapshot(second); err != nil || !made.Damaged {
		w.Errorf("%+v %v", made, err)
	}
	return ended
})

var _ = scenario("scrub-no-root", func(w *world) error {
	job, err := Scrub(ctx, w.data, ScrubBudget{})
	w.must(err)
	return job.Wait(ctx)
})

package remote

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hotbackup"
)

var ctx = context.Background()

// world is a data directory, its backup root, and a place for a repository.
type world struct {
	*testing.T
	dir, data, store string
	c                *hotbackup.Coordinator
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{T: t, dir: dir, data: filepath.Join(dir, "data"), store: filepath.Join(dir, "store")}
	w.must(os.Mkdir(w.data, 0o755))
	w.write(filepath.Join(w.data, "1.sst"), noise(3_000_000, 7))
	w.write(filepath.Join(w.data, "log"), "a log")
	var err error
	w.c, err = hotbackup.Open(w.data, hotbackup.WithRule("*.sst", hotbackup.Immutable))
	w.must(err)
	t.Cleanup(func() { w.c.Close() })
	return w
}

// noise does not compress, and is the same for the same seed.
func noise(length int, seed uint64) string {
	content := make([]byte, length)
	for i := range content {
		seed = seed*6364136223846793005 + 1442695040888963407
		content[i] = byte(seed >> 56)
	}
	return string(content)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) write(path, content string) {
	w.Helper()
	w.must(os.WriteFile(path, []byte(content), 0o644))
}

func (w *world) beside(name string) string { return filepath.Join(w.dir, name) }

// backup gives the location of a new snapshot.
func (w *world) backup() string {
	w.Helper()
	job, err := w.c.Start(ctx)
	w.must(err)
	w.must(job.Wait(ctx))
	return job.Location()
}

// settings are those of the tests: no test waits long for a lock that is left.
func settings(more ...string) map[string]string {
	all := map[string]string{"lock_wait": "2s", "host": "tester"}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

func (w *world) open(options Options) *Remote {
	w.Helper()
	r, err := Open("file://"+w.store, options)
	w.must(err)
	w.Cleanup(func() { r.Close() })
	return r
}

// made is a repository that was made.
func (w *world) made() *Remote {
	w.Helper()
	r := w.open(Options{Settings: settings(), Password: "secret"})
	w.must(r.Init())
	return r
}

// done waits for a job that must succeed.
func (w *world) done(job *hotbackup.Job, err error) *hotbackup.Job {
	w.Helper()
	w.must(err)
	w.must(job.Wait(ctx))
	return job
}

func (w *world) sent(r *Remote) Requests {
	w.Helper()
	now, err := r.Requests()
	w.must(err)
	return now
}

// listed are the snapshots of all hosts, so many and all readable.
func (w *world) listed(r *Remote, count int) []Snapshot {
	w.Helper()
	all, err := r.List("")
	w.must(err)
	for _, one := range all {
		w.must(one.Err)
	}
	if len(all) != count {
		w.Fatalf("%d snapshots, not %d: %+v", len(all), count, all)
	}
	return all
}

// packs are the objects that hold data, the largest first.
func (w *world) packs() []string {
	w.Helper()
	all, err := filepath.Glob(filepath.Join(w.store, "data", "*", "*"))
	w.must(err)
	size := func(path string) int64 {
		about, err := os.Stat(path)
		w.must(err)
		return about.Size()
	}
	slices.SortFunc(all, func(a, b string) int { return int(size(b) - size(a)) })
	return all
}

// same compares what came back with the data directory, names and bytes.
func (w *world) same(dir string) {
	w.Helper()
	a, b := w.tree(dir), w.tree(w.data)
	if !slices.Equal(a, b) {
		w.Errorf("%q holds\n%.300s\nbut %q\n%.300s", dir, strings.Join(a, "\n"), w.data, strings.Join(b, "\n"))
	}
}

// tree is names and bytes, without the library's own.
func (w *world) tree(dir string) []string {
	w.Helper()
	var found []string
	w.must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case name == ".lifecycle":
			return filepath.SkipDir
		case entry.IsDir():
			found = append(found, fmt.Sprintf("%q/", name))
			return nil
		case name == "snapshot.manifest":
			return nil
		}
		content, err := os.ReadFile(path)
		found = append(found, fmt.Sprintf("%q: %x", name, content))
		return err
	}))
	return found
}

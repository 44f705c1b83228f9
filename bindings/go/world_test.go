package hotbackup

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// saidNo is the error of a hook that fails: a type of its own, to be found again by errors.As.
type saidNo struct{ hook string }

func (s *saidNo) Error() string { return s.hook + " said no" }

// world is a data directory and options with all hooks, which write down their names.
type world struct {
	*testing.T
	dir, data string
	noHooks   bool
	fails     string                                 // the hook that says no
	does      map[string]func(*Hook) error           // what a hook does besides
	watches   func(Progress, *Hook) error            // the same of progress
	looks     func(staging string, hook *Hook) error // the same of validate

	logs int // how many there have been, of those that share

	mu    sync.Mutex
	calls []string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir(), does: map[string]func(*Hook) error{}}
	w.data = filepath.Join(w.dir, "data")
	w.fill(w.data)
	return w
}

func (w *world) fill(data string) {
	w.Helper()
	content := make([]byte, 100_000)
	for i := range content {
		content[i] = byte(i % 251)
	}
	w.must(os.MkdirAll(filepath.Join(data, "wal"), 0o755))
	w.write(filepath.Join(data, "1.sst"), "an immutable table")
	w.write(filepath.Join(data, "2.sst"), string(content))
	w.write(filepath.Join(data, "log"), "a log")
}

func (w *world) write(path, content string) {
	w.Helper()
	w.must(os.WriteFile(path, []byte(content), 0o644))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) beside(name string) string { return filepath.Join(w.dir, name) }

func (w *world) options(more ...Option) []Option {
	options := []Option{WithRule("*.sst", Immutable)}
	if !w.noHooks {
		options = append(options,
			WithCheckpoint(w.hook("checkpoint")), WithFreeze(w.hook("freeze"), w.hook("thaw")),
			WithRelease(w.hook("release")), WithProgress(w.progress),
			WithValidate(func(staging string, h *Hook) error {
				if w.looks != nil {
					if err := w.looks(staging, h); err != nil {
						return err
					}
				}
				return w.hook("validate")(h)
			}))
	}
	return append(options, more...)
}

func (w *world) hook(name string) func(*Hook) error {
	return func(h *Hook) error {
		w.mu.Lock()
		w.calls = append(w.calls, name)
		w.mu.Unlock()
		if does := w.does[name]; does != nil {
			if err := does(h); err != nil {
				return err
			}
		}
		return w.answer(name)
	}
}

func (w *world) progress(p Progress, h *Hook) error {
	if w.watches != nil {
		if err := w.watches(p, h); err != nil {
			return err
		}
	}
	return w.answer("progress")
}

func (w *world) answer(name string) error {
	if w.fails == name {
		return &saidNo{name}
	}
	return nil
}

// forget gives the calls up to now, which then do not count.
func (w *world) forget() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

// open opens the data directory; its end closes it.
func (w *world) open(more ...Option) *Coordinator {
	w.Helper()
	c, err := Open(w.data, w.options(more...)...)
	w.must(err)
	w.Cleanup(func() { c.Close() })
	return c
}

func (w *world) start(c *Coordinator) *Job {
	w.Helper()
	job, err := c.Start(context.Background())
	w.must(err)
	return job
}

// backup makes one that must succeed.
func (w *world) backup(c *Coordinator) *Job {
	w.Helper()
	job := w.start(c)
	w.must(job.Wait(context.Background()))
	return job
}

// backups makes several, of which each but the first finds another log of the same length.
func (w *world) backups(c *Coordinator, n int) []*Job {
	w.Helper()
	var jobs []*Job
	for i := range n {
		if i > 0 {
			w.write(filepath.Join(w.data, "log"), string(rune('a'+i))+" log")
		}
		jobs = append(jobs, w.backup(c))
	}
	w.forget()
	return jobs
}

// restore gives the result of the job.
func (w *world) restore(snapshot, target string, options ...Option) error {
	job, err := Restore(context.Background(), snapshot, target, options...)
	if err != nil {
		return err
	}
	return job.Wait(context.Background())
}

// restored checks that a snapshot, restored, equals the data directory.
func (w *world) restored(snapshot string) {
	w.Helper()
	again := w.beside("again")
	w.must(w.restore(snapshot, again))
	w.same(again, w.data)
}

func (w *world) same(one, other string) {
	w.Helper()
	a, b := w.tree(one), w.tree(other)
	if !slices.Equal(a, b) {
		w.Errorf("%q holds\n%s\nbut %q\n%s", one, strings.Join(a, "\n"), other, strings.Join(b, "\n"))
	}
}

// tree is names and bytes, without the library's own directory.
func (w *world) tree(dir string) []string {
	w.Helper()
	var found []string
	w.must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if entry.IsDir() {
			if name == ".lifecycle" {
				return filepath.SkipDir
			}
			found = append(found, fmt.Sprintf("%q/", name))
			return nil
		}
		content, err := os.ReadFile(path)
		if len(content) > 200 {
			content = fmt.Appendf(nil, "%d bytes, %x", len(content), hash(content))
		}
		found = append(found, fmt.Sprintf("%q: %q", name, content))
		return err
	}))
	return found
}

func hash(content []byte) (sum uint64) {
	for _, b := range bytes.Clone(content) {
		sum = sum*1099511628211 + uint64(b)
	}
	return sum
}

func (w *world) absent(path string) {
	w.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		w.Errorf("%s is there: %v", path, err)
	}
}

// listed are the snapshots of a root, all of them readable.
func (w *world) listed(root string) []Snapshot {
	w.Helper()
	var all []Snapshot
	for snapshot, err := range List(root) {
		w.must(err)
		all = append(all, snapshot)
	}
	return all
}

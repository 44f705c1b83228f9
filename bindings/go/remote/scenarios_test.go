package remote

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"hotbackup"
)

// scenarios are the cases that all languages show.
var scenarios = map[string]func(*world){
	"a_snapshot_comes_back_as_it_was":                 aSnapshotComesBack,
	"a_second_push_sends_less":                        aSecondPushSendsLess,
	"a_snapshot_that_is_there_is_not_sent_again":      aSnapshotIsNotSentAgain,
	"a_fetched_snapshot_can_be_restored":              aFetchedSnapshotCanBeRestored,
	"a_pushed_checkpoint_comes_back_and_is_gone_here": aPushedCheckpointComesBack,
	"snapshots_are_listed_and_forgotten":              snapshotsAreListedAndForgotten,
	"a_second_init_is_a_conflict":                     aSecondInitIsAConflict,
	"another_password_is_refused":                     anotherPasswordIsRefused,
	"a_password_hook_says_why_there_is_none":          aPasswordHookSaysWhy,
	"a_pack_that_is_gone_is_found":                    aPackThatIsGoneIsFound,
	"an_unknown_key_is_refused":                       anUnknownKeyIsRefused,
	"a_cancelled_push_lists_nothing":                  aCancelledPushListsNothing,
	"a_remote_can_be_closed_before_its_job_ends":      aRemoteCanBeClosedFirst,
}

func TestEveryCaseThatAllLanguagesShow(t *testing.T) {
	text, err := os.ReadFile("../../../remote/capi/tests/scenarios/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSpace(line); name != "" && !strings.HasPrefix(name, "#") {
			listed[name] = true
		}
	}
	for name := range scenarios {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
	for name := range listed {
		t.Run(name, func(t *testing.T) {
			run := scenarios[name]
			if run == nil {
				t.Fatal("a case that this program does not know")
			}
			run(newWorld(t))
		})
	}
}

func aSnapshotComesBack(w *world) {
	r := w.made()
	snapshot := w.backup()
	push := w.done(r.Push(ctx, snapshot))
	if push.Location() != snapshot {
		w.Errorf("pushed %q, not %q", push.Location(), snapshot)
	}
	if now, err := push.Status(); err != nil || now.Kind != hotbackup.KindPush {
		w.Errorf("%+v, %v", now, err)
	}
	again := w.beside("again")
	restore := w.done(r.Restore(ctx, "latest", again))
	if restore.Location() != again {
		w.Errorf("restored to %q, not %q", restore.Location(), again)
	}
	w.same(again)
	w.done(r.Verify(ctx, "latest"))
}

func aSecondPushSendsLess(w *world) {
	r := w.made()
	before := w.sent(r).BytesUp
	w.done(r.Push(ctx, w.backup()))
	first := w.sent(r).BytesUp - before
	w.write(filepath.Join(w.data, "log"), "another log")
	w.done(r.Push(ctx, w.backup()))
	second := w.sent(r).BytesUp - before - first
	if first < 3_000_000 || second == 0 || second > first/10 {
		w.Errorf("%d bytes, then %d", first, second)
	}
	w.listed(r, 2)
	again := w.beside("again")
	w.done(r.Restore(ctx, "latest", again))
	w.same(again)
}

func aSnapshotIsNotSentAgain(w *world) {
	r := w.made()
	snapshot := w.backup()
	w.done(r.Push(ctx, snapshot))
	packs, before := w.packs(), w.listed(r, 1)
	w.done(r.Push(ctx, snapshot))
	if after := w.listed(r, 1); after[0].Object != before[0].Object {
		w.Errorf("%+v, before %+v", after, before)
	}
	if after := w.packs(); len(after) != len(packs) {
		w.Errorf("%d packs, before %d", len(after), len(packs))
	}
}

func aFetchedSnapshotCanBeRestored(w *world) {
	r := w.made()
	w.done(r.Push(ctx, w.backup()))
	fetched, again := w.beside("fetched"), w.beside("again")
	fetch := w.done(r.Fetch(ctx, w.listed(r, 1)[0].Object[:8], fetched))
	if now, err := fetch.Status(); err != nil || now.Kind != hotbackup.KindFetch {
		w.Errorf("%+v, %v", now, err)
	}
	w.done(hotbackup.Verify(ctx, fetched))
	w.done(hotbackup.Restore(ctx, fetched, again))
	w.same(again)
}

func aPushedCheckpointComesBack(w *world) {
	r := w.made()
	made := w.done(w.c.StartCheckpoint(ctx, hotbackup.CheckpointLinksAreSafe))
	before := w.tree(w.data)
	// The database goes on, and deletes its table.
	w.must(os.Remove(filepath.Join(w.data, "1.sst")))
	w.write(filepath.Join(w.data, "log"), "changed since")
	w.done(r.Push(ctx, made.Location()))
	if _, err := os.Lstat(made.Location()); !os.IsNotExist(err) {
		w.Errorf("a checkpoint that was pushed: %v", err)
	}
	if !w.listed(r, 1)[0].Pushed {
		w.Error("it is no snapshot of a push")
	}
	again := w.beside("again")
	w.done(r.Restore(ctx, "latest", again))
	if after := w.tree(again); !slices.Equal(after, before) {
		w.Errorf("%.300s came back, not %.300s", after, before)
	}
}

func snapshotsAreListedAndForgotten(w *world) {
	r := w.made()
	w.listed(r, 0)
	var made []hotbackup.Snapshot
	for range 2 {
		location := w.backup()
		w.done(r.Push(ctx, location))
		one, err := hotbackup.OpenSnapshot(location)
		w.must(err)
		made = append(made, one)
	}
	for i, one := range w.listed(r, 2) {
		if one.ID != made[i].ID || len(one.Object) != 64 || one.Host != "tester" || !one.Pushed ||
			!one.Time.Equal(made[i].FinishedAt) || "ts-"+number(one) != filepath.Base(made[i].Location) {
			w.Errorf("%+v of %+v", one, made[i])
		}
	}
	if others, err := r.List("another"); err != nil || len(others) != 0 {
		w.Errorf("%+v, %v", others, err)
	}
	w.must(r.Forget(made[0].ID))
	if left := w.listed(r, 1); left[0].ID != made[1].ID {
		w.Errorf("%+v is left", left)
	}
	if err := r.Forget(made[0].ID); !errors.Is(err, hotbackup.ErrNotFound) {
		w.Errorf("forgotten twice: %v", err)
	}
}

func aSecondInitIsAConflict(w *world) {
	r := w.made()
	id, err := r.RepositoryID()
	w.must(err)
	if err := r.Init(); !errors.Is(err, hotbackup.ErrConflict) {
		w.Errorf("%v", err)
	}
	if again, err := r.RepositoryID(); err != nil || again != id || len(id) != 64 {
		w.Errorf("%q, before %q, %v", again, id, err)
	}
}

func anotherPasswordIsRefused(w *world) {
	w.made()
	other := w.open(Options{Settings: settings(), Password: "not-the-secret"})
	_, err := other.List("")
	if !errors.Is(err, hotbackup.ErrUnauthorized) || strings.Contains(err.Error(), "not-the-secret") {
		w.Errorf("%v", err)
	}
}

func aPasswordHookSaysWhy(w *world) {
	w.made()
	none := w.open(Options{Settings: settings(), PasswordFunc: func() (string, error) {
		return "", errors.New("the vault is sealed")
	}})
	_, err := none.List("")
	if !errors.Is(err, hotbackup.ErrHookFailed) || !strings.Contains(err.Error(), "the vault is sealed") {
		w.Errorf("%v", err)
	}
	job, err := none.Push(ctx, w.backup())
	w.must(err)
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrHookFailed) || !strings.Contains(err.Error(), "the vault is sealed") {
		w.Errorf("%v", err)
	}
}

func aPackThatIsGoneIsFound(w *world) {
	r := w.made()
	w.done(r.Push(ctx, w.backup()))
	largest := w.packs()[0] // which has the table
	content, err := os.ReadFile(largest)
	w.must(err)
	content[len(content)/2] ^= 1
	w.must(os.Chmod(largest, 0o600))
	w.write(largest, string(content))
	w.done(r.Verify(ctx, "latest", hotbackup.WithVerifyLevel(hotbackup.VerifySize)))
	damaged := w.corrupt(r.Verify(ctx, "latest"))
	warnings, err := damaged.Warnings()
	w.must(err)
	if len(warnings) != 1 || !errors.Is(warnings[0], hotbackup.ErrCorrupt) || !strings.Contains(warnings[0].Error(), "1.sst") {
		w.Errorf("%v", warnings)
	}
	w.must(os.Remove(largest))
	w.corrupt(r.Verify(ctx, "latest", hotbackup.WithVerifyLevel(hotbackup.VerifySize)))
	w.corrupt(r.Verify(ctx, "latest"))
	again := w.beside("again")
	w.corrupt(r.Restore(ctx, "latest", again))
	if _, err := os.Lstat(again); !os.IsNotExist(err) {
		w.Errorf("a target of a restore that failed: %v", err)
	}
}

// corrupt waits for a job that must find damage.
func (w *world) corrupt(job *hotbackup.Job, err error) *hotbackup.Job {
	w.Helper()
	w.must(err)
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrCorrupt) {
		w.Errorf("%v", err)
	}
	return job
}

func anUnknownKeyIsRefused(w *world) {
	for _, wrong := range [][2]string{{"no_such_key", "hidden-value"}, {"retries", "hidden-value"}} {
		_, err := Open("file://"+w.store, Options{Settings: settings(wrong[0], wrong[1]), Password: "secret"})
		if !errors.Is(err, hotbackup.ErrInvalidArgument) || !strings.Contains(err.Error(), wrong[0]) {
			w.Errorf("%v", err)
		}
	}
}

// slowly starts a push that is at work until it is cancelled.
func (w *world) slowly(r *Remote) *hotbackup.Job {
	w.Helper()
	sends := make(chan struct{})
	once := sync.OnceFunc(func() { close(sends) })
	job, err := r.Push(ctx, w.backup(), hotbackup.WithRateLimit(1000),
		hotbackup.WithProgress(func(p hotbackup.Progress, _ *hotbackup.Hook) error {
			if p.Phase == hotbackup.PhaseUpload {
				once()
			}
			return nil
		}))
	w.must(err)
	select {
	case <-sends:
	case <-job.Done():
		w.Fatalf("it has ended: %v", job.Wait(ctx))
	}
	return job
}

func aCancelledPushListsNothing(w *world) {
	r := w.made()
	job := w.slowly(r)
	w.must(job.Cancel())
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrCancelled) {
		w.Errorf("%v", err)
	}
	w.listed(r, 0)
}

func aRemoteCanBeClosedFirst(w *world) {
	r := w.made()
	job := w.slowly(r)
	w.must(r.Close())
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrCancelled) {
		w.Errorf("%v", err)
	}
	if now, err := job.Status(); err != nil || now.State != hotbackup.StateCancelled {
		w.Errorf("%+v, %v", now, err)
	}
	w.listed(w.open(Options{Settings: settings(), Password: "secret"}), 0)
}

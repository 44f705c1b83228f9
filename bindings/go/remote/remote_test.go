package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotbackup"
)

func number(one Snapshot) string { return strconv.FormatUint(one.Number, 10) }

func TestARemoteThatIsClosedGivesErrors(t *testing.T) {
	w := newWorld(t)
	r := w.open(Options{Password: "secret"})
	url := r.URL()
	for range 3 {
		w.must(r.Close())
	}
	_, id := r.RepositoryID()
	_, push := r.Push(ctx, w.data)
	_, fetch := r.Fetch(ctx, "latest", w.beside("again"))
	_, restore := r.Restore(ctx, "latest", w.beside("again"))
	_, verify := r.Verify(ctx, "latest")
	_, list := r.List("")
	_, requests := r.Requests()
	for what, err := range map[string]error{
		"init": r.Init(), "id": id, "push": push, "fetch": fetch, "restore": restore, "verify": verify,
		"list": list, "forget": r.Forget("latest"), "requests": requests,
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if url != "file://"+w.store || r.URL() != url {
		t.Errorf("%q, then %q", url, r.URL())
	}
}

func TestACloseDoesNotWaitForACallButCancelsTheJobsAtOnce(t *testing.T) {
	w := newWorld(t)
	before := handles.Load()
	w.must(w.made().Close())
	r := w.open(Options{Settings: settings(), PasswordFunc: func() (string, error) { return "secret", nil }})
	job := w.slowly(r)
	called, let, returned := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		returned <- r.use(func(ptr remotePtr) error {
			close(called)
			<-let
			_, err := repositoryID(ptr)
			return err
		})
	}()
	<-called
	w.must(r.Close())
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrCancelled) {
		t.Errorf("%v", err)
	}
	if handles.Load() == before {
		t.Error("freed beneath a call")
	}
	close(let)
	w.must(<-returned)
	for range 500 {
		if handles.Load() == before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d handles, before %d", handles.Load(), before)
}

func TestTheContextOfItsStartCancelsAPush(t *testing.T) {
	w := newWorld(t)
	r := w.made()
	reason := errors.New("the host goes down")
	mine, cancel := context.WithCancelCause(ctx)
	job, err := r.Push(mine, w.backup(), hotbackup.WithRateLimit(1000))
	w.must(err)
	cancel(reason)
	if err := job.Wait(ctx); !errors.Is(err, reason) || !errors.Is(err, hotbackup.ErrCancelled) {
		t.Errorf("%v", err)
	}
	if _, err := r.Push(mine, w.data); !errors.Is(err, reason) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func TestTheErrorOfAProgressHookEndsAPush(t *testing.T) {
	w := newWorld(t)
	r := w.made()
	said := errors.New("enough")
	job, err := r.Push(ctx, w.backup(), hotbackup.WithProgress(func(p hotbackup.Progress, h *hotbackup.Hook) error {
		if p.Kind != hotbackup.KindPush || h.JobID() == "" {
			return fmt.Errorf("%+v of %q", p, h.JobID())
		}
		return said
	}))
	w.must(err)
	if err := job.Wait(ctx); !errors.Is(err, hotbackup.ErrHookFailed) || !strings.Contains(err.Error(), said.Error()) {
		t.Errorf("%v", err)
	}
	w.listed(r, 0)
}

func TestAnUnreadableRecordIsListedWithItsError(t *testing.T) {
	w := newWorld(t)
	r := w.made()
	w.done(r.Push(ctx, w.backup()))
	bad := strings.Repeat("ab", 32)
	w.write(filepath.Join(w.store, "snapshots", bad), "no record")
	all, err := r.List("tester")
	w.must(err)
	if len(all) != 2 || all[1].Err != nil || all[1].ID == "" {
		t.Fatalf("%+v", all)
	}
	if !errors.Is(all[0].Err, hotbackup.ErrCorrupt) || all[0].ID != "" || all[0].Number != NoNumber {
		t.Errorf("%+v", all[0])
	}
}

func TestAPanicOfThePasswordFunctionIsAnError(t *testing.T) {
	w := newWorld(t)
	for what, function := range map[string]func() (string, error){
		"panic: no vault": func() (string, error) { panic("no vault") },
		"empty":           func() (string, error) { return "", nil },
		"UTF-8":           func() (string, error) { return "\xff", nil },
		`a \0 byte`:       func() (string, error) { return "", errors.New("a \x00 byte") },
	} {
		err := w.open(Options{PasswordFunc: function}).Init()
		if !errors.Is(err, hotbackup.ErrHookFailed) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Join(w.store, "config")); !os.IsNotExist(err) {
		t.Errorf("a repository without a password: %v", err)
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	w := newWorld(t)
	function := func() (string, error) { return "secret", nil }
	both := Options{Password: "secret", PasswordFunc: function}
	before := handles.Load()
	for what, open := range map[string]func() (*Remote, error){
		"two passwords": func() (*Remote, error) { return Open("file://"+w.store, both) },
		"a NUL":         func() (*Remote, error) { return Open("file://a\x00b", Options{}) },
		"a NUL in a value": func() (*Remote, error) {
			return Open("file://"+w.store, Options{Settings: settings("secret_key", "hidden\x00")})
		},
		"a scheme": func() (*Remote, error) { return Open("gopher://x", Options{PasswordFunc: function}) },
	} {
		_, err := open()
		if !errors.Is(err, hotbackup.ErrInvalidArgument) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := handles.Load(); after != before {
		t.Errorf("%d handles, before %d", after, before)
	}
}

// Not parallel: it counts what the whole process holds.
func TestARemoteThatWasForgottenIsClosedAndLetsGoOfItsPasswordFunction(t *testing.T) {
	w := newWorld(t)
	before := handles.Load()
	func() {
		var kept []*Remote
		for range 3 {
			r, err := Open("file://"+w.store, Options{PasswordFunc: func() (string, error) { return "secret", nil }})
			w.must(err)
			kept = append(kept, r)
		}
		if handles.Load() != before+3 {
			t.Errorf("%d handles, before %d", handles.Load(), before)
		}
		runtime.KeepAlive(kept)
	}()
	for range 500 {
		runtime.GC()
		if handles.Load() == before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d handles, before %d", handles.Load(), before)
}

func TestAJobKeepsItsForgottenRemoteOpen(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backup()
	w.made()
	job := func() *hotbackup.Job {
		r, err := Open("file://"+w.store, Options{Settings: settings(), Password: "secret"})
		w.must(err)
		job, err := r.Push(ctx, snapshot)
		w.must(err)
		return job
	}()
	for running := true; running; {
		runtime.GC()
		select {
		case <-job.Done():
			running = false
		case <-time.After(time.Millisecond):
		}
	}
	w.must(job.Wait(ctx))
}

func TestTheVersionIsThatOfTheTree(t *testing.T) {
	if Version() != hotbackup.Version() {
		t.Errorf("%q with %q", Version(), hotbackup.Version())
	}
}

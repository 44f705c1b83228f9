package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotbackup"
	"hotbackup/hosts/rounds"

	"github.com/cockroachdb/pebble/v2"
)

func begin(t *testing.T, setup setup) *store {
	t.Helper()
	setup.directory = filepath.Join(t.TempDir(), "live")
	if setup.logs != "" {
		setup.logs = filepath.Join(t.TempDir(), setup.logs)
	}
	s, err := open(setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	return s
}

// always runs something beside the test until it ends.
func always(t *testing.T, what func(stop <-chan struct{}) error) {
	stop, stopped := make(chan struct{}), make(chan error)
	go func() { stopped <- what(stop) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// freezeAndFlush has the log changed, a table written, the manifest edited and the old log recycled
// inside the window.
func (s *store) freezeAndFlush(hook *hotbackup.Hook) error {
	if err := s.freeze(hook); err != nil {
		return err
	}
	if _, err := s.db.AsyncFlush(); err != nil {
		return errors.Join(err, s.thaw(hook))
	}
	return nil
}

func TestEachSnapshotHoldsExactlyTheCommitsBeforeItsFreeze(t *testing.T) {
	const small = 64 << 10
	variants := map[string]struct {
		setup setup
		flush bool
	}{
		"as it comes":              {setup{memTable: small}, false},
		"flushed in the window":    {setup{memTable: small}, true},
		"logs elsewhere":           {setup{memTable: small, logs: "logs"}, false},
		"logs not recycled":        {setup{memTable: small, keepLogs: true}, false},
		"blob files, all the rest": {setup{memTable: small, blobs: true, keepLogs: true, logs: "logs"}, true},
	}
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		variant := variants[name]
		t.Run(name, func(t *testing.T) {
			s := begin(t, variant.setup)
			for writer := range writers {
				always(t, func(stop <-chan struct{}) error { return s.write(writer, stop) })
			}
			more := []hotbackup.Option{hotbackup.WithValidate(s.setup.validate)}
			if variant.flush {
				more = append(more, hotbackup.WithFreeze(s.freezeAndFlush, s.thaw))
			}
			if _, err := s.backUp(rounds.Count(), more...); err != nil {
				t.Error(err)
			}
			t.Log(&s.changes)
		})
	}
}

// The comparison is by key, at once and again when younger snapshots share the tables and others are gone.
func TestOlderSnapshotsStayWhatTheyWereWhileYoungerOnesShareTheirTables(t *testing.T) {
	s := begin(t, setup{memTable: 64 << 10})
	for n := range uint64(1024) { // once each part of the keys of the writer that takes turns
		if err := s.commit(writers-1, n+1, false); err != nil {
			t.Fatal(err)
		}
	}
	s.pause = 400 * time.Millisecond // a table is shared that the last snapshot saw when it was two seconds old
	for writer := range writers {
		always(t, func(stop <-chan struct{}) error { return s.write(writer, stop) })
	}
	result, err := s.backUp(2 + rounds.Count())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	if result.Older == 0 || result.Linked == 0 {
		t.Errorf("it shows nothing: %v", result)
	}
}

// few makes commits that fit into the buffer of the log.
func few(t *testing.T, s *store, synced bool) {
	t.Helper()
	for n := uint64(1); n <= 3; n++ {
		if err := s.commit(0, n, synced); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyASyncedRecordBringsUnsyncedCommitsIntoTheSnapshot(t *testing.T) {
	const tries = 20
	for try := 1; ; try++ {
		s := begin(t, setup{memTable: 1 << 20})
		if err := s.commit(0, 1, false); err != nil {
			t.Fatal(err)
		}
		careless := func(*hotbackup.Hook) error {
			s.commits.Lock()
			s.frozen = s.written
			return nil
		}
		_, err := s.backUp(1, hotbackup.WithFreeze(careless, s.thaw))
		if err == nil && try < tries {
			continue // on a busy machine Pebble's own flusher may begin so late that it writes the commit
		}
		noticed(t, err, "the copy holds commit 0, the freeze was at 1")
		if err := os.RemoveAll(s.setup.directory + "-restored"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.backUp(1); err != nil {
			t.Error(err)
		}
		return
	}
}

// once is one round with another check.
func once(s *store, check rounds.Check) (*rounds.Result, error) {
	return rounds.Take(s.setup.directory, 1, 0, func() rounds.Check { return check }, s.hooks()...)
}

// Pebble opens such a copy without a word.
func TestALogThatTheCopyLostIsNoticed(t *testing.T) {
	s := begin(t, setup{memTable: 1 << 20})
	few(t, s, true)
	lose := func(staging string, _ *hotbackup.Hook) error {
		logs, err := filepath.Glob(filepath.Join(staging, "*.log"))
		if err != nil || len(logs) == 0 {
			return errors.Join(err, errors.New("no log"))
		}
		return os.Remove(slices.Max(logs))
	}
	result, err := once(s, func(restored string) error {
		return errors.Join(lose(restored, nil), check(s.setup.restored(restored), s.frozen, at(s.frozen, states())))
	})
	noticed(t, err, "the copy holds commit 0, the freeze was at 3")
	if median, _ := result.Windows.Median(); median == 0 {
		t.Error("no backup was made")
	}
}

func TestACommitInsideTheFreezeIsNoticed(t *testing.T) {
	s := begin(t, setup{memTable: 1 << 20})
	few(t, s, true)
	leak := func(hook *hotbackup.Hook) error {
		if err := s.freeze(hook); err != nil {
			return err
		}
		s.commits.Unlock()
		defer s.commits.Lock()
		return s.commit(0, s.written[0]+1, true)
	}
	_, err := s.backUp(1, hotbackup.WithFreeze(leak, s.thaw))
	noticed(t, err, "the copy holds commit 4, the freeze was at 3")
}

func noticed(t *testing.T, err error, how string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), how) {
		t.Errorf("expected %q: %v", how, err)
	}
}

// The logs of the live database must not be replayed on top of a copy that is opened beside it.
func TestACopyWithLogsElsewhereIsRefusedUntilItsLogsMayHaveMoved(t *testing.T) {
	s := begin(t, setup{memTable: 1 << 20, logs: "logs"})
	few(t, s, true)
	_, err := once(s, func(restored string) error {
		setup := s.setup.restored(restored)
		setup.moved = false
		var refusal pebble.ErrMissingWALRecoveryDir
		if err := check(setup, s.frozen, at(s.frozen, states())); !errors.As(err, &refusal) {
			return errors.Join(errors.New("it is not refused"), err)
		}
		setup.moved = true
		return check(setup, s.frozen, at(s.frozen, states()))
	})
	if err != nil {
		t.Error(err)
	}
}

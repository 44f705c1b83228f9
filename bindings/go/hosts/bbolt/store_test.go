package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotbackup"
	"hotbackup/hosts/rounds"

	bolt "go.etcd.io/bbolt"
)

const filled = 400 // commits before the first backup

// room is more address space than any database of a test needs.
const room = 1 << 30

func fill(t *testing.T, options bolt.Options) *store {
	t.Helper()
	s, err := open(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	s.db.AllocSize = 64 << 10 // the step in which the file grows
	if err := s.fill(filled); err != nil {
		t.Fatal(err)
	}
	return s
}

// startWriting has the store written to until the test ends.
func (s *store) startWriting(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan error)
	go func() { stopped <- s.write(stop) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestEachSnapshotHoldsExactlyTheCommitOfItsFreeze(t *testing.T) {
	variants := map[string]bolt.Options{
		"system pages": {InitialMmapSize: room},
		"1 KiB pages":  {InitialMmapSize: room, PageSize: 1 << 10},
		"16 KiB pages": {InitialMmapSize: room, PageSize: 16 << 10},
		"64 KiB pages": {InitialMmapSize: room, PageSize: 64 << 10},
		"no free list": {InitialMmapSize: room, NoFreelistSync: true},
		"hash map":     {InitialMmapSize: room, FreelistType: bolt.FreelistMapType},
		"no grow sync": {InitialMmapSize: room, NoGrowSync: true},
		"a small map":  {},
	}
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		t.Run(name, func(t *testing.T) {
			s := fill(t, variants[name])
			s.startWriting(t)
			if _, err := s.backUp(rounds.Count(), hotbackup.WithValidate(validate)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each copy is held back until the file has grown by a megabyte, of a database that is not larger than
// its data: pages that were both written and freed since the freeze are reused.
func TestTheFileGrowsWhileItIsCopied(t *testing.T) {
	for range rounds.Count() {
		s := fill(t, bolt.Options{InitialMmapSize: room})
		s.startWriting(t)
		grown := func(now hotbackup.Progress, hook *hotbackup.Hook) error {
			if now.Phase != hotbackup.PhaseCopy {
				return nil
			}
			for s.length() < s.frozen.length+1<<20 {
				time.Sleep(time.Millisecond)
			}
			return hook.SetRateLimit(0)
		}
		// It begins with a limit at which the copy would never end.
		_, err := s.backUp(1, hotbackup.WithRateLimit(1), hotbackup.WithProgress(grown))
		if err != nil || s.grew != 1 {
			t.Errorf("it grew during %d of 1 copies: %v", s.grew, err)
		}
	}
}

// A commit that needs more address space than is mapped waits for all read transactions, so for the
// end of the copy. With enough of it from the start none does.
func TestWritersWaitForTheCopyOnlyIfTheMapIsTooSmall(t *testing.T) {
	for name, mapped := range map[string]int{"too small": 0, "with room": room} {
		t.Run(name, func(t *testing.T) {
			s := fill(t, bolt.Options{InitialMmapSize: mapped})
			if err := errors.Join(s.freeze(nil), s.thaw(nil)); err != nil {
				t.Fatal(err)
			}
			var released atomic.Bool
			grown := make(chan error, 1)
			go func() {
				// Once the pages are free again, the file may never grow so far.
				for s.length() < 3*s.frozen.length && !released.Load() {
					if err := s.db.Update(s.next); err != nil {
						grown <- err
						return
					}
				}
				grown <- nil
			}()
			if mapped == 0 {
				select {
				case <-grown:
					t.Error("it did not wait: the notes on InitialMmapSize are wrong")
				case <-time.After(500 * time.Millisecond):
				}
				released.Store(true)
				if err := errors.Join(s.release(nil), <-grown); err != nil {
					t.Error(err)
				}
			} else if err := errors.Join(<-grown, s.release(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a freeze that lets one commit pass makes is not what the host thinks, and is noticed.
func TestACommitInsideTheFreezeIsNoticed(t *testing.T) {
	s := fill(t, bolt.Options{InitialMmapSize: room})
	leak := func(hook *hotbackup.Hook) error {
		if err := s.freeze(hook); err != nil {
			return err
		}
		at := s.frozen
		defer func() { s.frozen = at }()
		err := errors.Join(s.thaw(hook), s.db.Update(s.next))
		return errors.Join(err, s.freeze(hook))
	}
	_, err := s.backUp(1, hotbackup.WithFreeze(leak, s.thaw))
	if err == nil || !strings.Contains(err.Error(), "the copy opens at transaction") {
		t.Errorf("it passes: %v", err)
	}
}

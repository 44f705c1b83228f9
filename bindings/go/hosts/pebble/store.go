// A Pebble database that is backed up while it is written to, flushed and compacted.
//
// Only commits stop for the freeze. Tables come and go all the time, the library sees to that: it
// links tables ahead of the freeze, and copies in it what changes in place, which are the logs.
package main

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"hotbackup"
	"hotbackup/hosts/workload"

	"github.com/cockroachdb/pebble/v2"
)

const writers = 2

// The streams of the writers share nothing, so each can be compared by itself. The last one, whose keys
// are behind all others, writes to few of them at a time: so there are tables that live long enough to be shared.
func stream(writer int) workload.Stream {
	stream := workload.Stream{Seed: uint64(writer + 1), Ranges: 3, Keys: 1500, Ops: 24}
	if writer == writers-1 {
		stream.Parts = 16
	}
	return stream
}

type store struct {
	db      *pebble.DB
	setup   setup
	pause   time.Duration // before each backup; a part of it is each writer's after each commit
	changes changes
	commits sync.RWMutex    // shared by all commits, exclusively held by a freeze
	written [writers]uint64 // the last commit of each, by its writer under commits
	frozen  [writers]uint64 // what written was at the last freeze
	took    workload.Times  // of synced commits
	stopped workload.Times  // how long no commit could begin
	since   time.Time
}

func open(setup setup) (*store, error) {
	s := &store{setup: setup}
	options := setup.options()
	s.changes.watch(options)
	var err error
	s.db, err = pebble.Open(setup.directory, options)
	return s, err
}

// hooks tell the library about the database.
func (s *store) hooks() []hotbackup.Option {
	options := []hotbackup.Option{
		hotbackup.WithLayout("pebble"),
		hotbackup.WithFreeze(s.freeze, s.thaw),
	}
	if s.setup.logs != "" {
		options = append(options, hotbackup.WithSource(s.setup.logs, logPrefix))
	}
	if s.setup.keepLogs {
		options = append(options, hotbackup.WithRule("*.log", hotbackup.AppendOnly))
	}
	return options
}

// freeze keeps commits out. What was committed without a sync may still be in Pebble's own buffer:
// an empty record that is synced brings all before it into the log's file.
func (s *store) freeze(*hotbackup.Hook) error {
	s.commits.Lock()
	s.since = time.Now()
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		s.commits.Unlock()
		return err
	}
	s.frozen = s.written
	s.changes.freeze()
	return nil
}

func (s *store) thaw(*hotbackup.Hook) error {
	s.changes.thaw()
	s.commits.Unlock()
	s.stopped.Add(time.Since(s.since))
	return nil
}

// write makes commit after commit until stop is closed, one in 16 of them synced.
func (s *store) write(writer int, stop <-chan struct{}) error {
	for n := s.written[writer] + 1; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := s.commit(writer, n, n%16 == 0); err != nil {
			return err
		}
		time.Sleep(s.pause / 25)
	}
}

func (s *store) commit(writer int, n uint64, synced bool) error {
	batch := s.db.NewBatch()
	defer batch.Close()
	for _, op := range stream(writer).Commit(n) {
		if err := apply(batch, writer, op); err != nil {
			return err
		}
	}
	if err := batch.Set(commitKey(writer), binary.BigEndian.AppendUint64(nil, n), nil); err != nil {
		return err
	}
	s.commits.RLock()
	defer s.commits.RUnlock()
	begun := time.Now()
	if err := batch.Commit(&pebble.WriteOptions{Sync: synced}); err != nil {
		return err
	}
	if synced {
		s.took.Add(time.Since(begun))
	}
	s.written[writer] = n
	return nil
}

func apply(batch *pebble.Batch, writer int, op workload.Op) error {
	switch key := keyOf(writer, op.Key); {
	case !op.Delete:
		return batch.Set(key, op.Value(), nil)
	case op.Last == op.Key.Index:
		return batch.Delete(key, nil)
	default:
		return batch.DeleteRange(key, keyOf(writer, workload.Key{Range: op.Key.Range, Index: op.Last + 1}), nil)
	}
}

func keyOf(writer int, key workload.Key) []byte {
	return fmt.Appendf(nil, "writer%d/range%d/%s", writer, key.Range, key.Bytes())
}

func commitKey(writer int) []byte { return fmt.Appendf(nil, "commit/writer%d", writer) }

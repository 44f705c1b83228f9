// A bbolt database that is backed up while it is written to.
//
// bbolt keeps all in one file of pages and never overwrites what a transaction can still read. So
// a read transaction that began inside the freeze holds every page of that instant: the file is
// copied after writes go on again, and the copy opens at exactly the freeze's commit.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hotbackup"
	"hotbackup/hosts/workload"

	bolt "go.etcd.io/bbolt"
)

const fileName = "store.bolt"

var (
	stream  = workload.Stream{Seed: 1, Ranges: 4, Keys: 2000, Ops: 24}
	metaKey = []byte("commit")
)

type store struct {
	db      *bolt.DB
	options bolt.Options
	pause   time.Duration  // before each backup
	written uint64         // the last commit, guarded by bbolt's own lock of the writer
	took    workload.Times // of commits
	stopped workload.Times // how long no commit could begin

	// What the hooks of a backup hold, one at a time.
	writer, reader *bolt.Tx
	since          time.Time
	frozen         point
	grew           int // copies during which the file grew
}

// A point is what a copy must be: the commit of the stream, and bbolt's own number of it.
type point struct {
	commit uint64
	txid   int
	length int64 // of the file, then
}

func open(directory string, options bolt.Options) (*store, error) {
	db, err := bolt.Open(filepath.Join(directory, fileName), 0o600, &options)
	if err != nil {
		return nil, err
	}
	return &store{db: db, options: options}, nil
}

// hooks tell the library about the database.
func (s *store) hooks() []hotbackup.Option {
	return []hotbackup.Option{
		hotbackup.WithLayout("bbolt"),
		hotbackup.WithFreeze(s.freeze, s.thaw),
		hotbackup.WithRelease(s.release),
	}
}

// freeze waits for the commit that is under way and keeps the next one out: bbolt has one writer
// at a time. The read transaction must begin in here.
func (s *store) freeze(*hotbackup.Hook) (err error) {
	if err := s.release(nil); err != nil { // a window that did not close is opened again
		return err
	}
	if s.writer, err = s.db.Begin(true); err != nil {
		return err
	}
	s.since = time.Now()
	if s.reader, err = s.db.Begin(false); err != nil {
		_ = s.writer.Rollback()
		return err
	}
	s.frozen = point{s.written, s.reader.ID(), s.length()}
	return nil
}

// thaw lets writers go on. Nothing was written in the transaction.
func (s *store) thaw(*hotbackup.Hook) error {
	err := s.writer.Rollback()
	s.stopped.Add(time.Since(s.since))
	return err
}

// release gives the pages back. A backup that ends before its freeze has none.
func (s *store) release(*hotbackup.Hook) error {
	if s.reader == nil {
		return nil
	}
	if s.length() > s.frozen.length {
		s.grew++
	}
	defer func() { s.reader = nil }()
	return s.reader.Rollback()
}

func (s *store) length() int64 {
	file, err := os.Stat(s.db.Path())
	if err != nil {
		return 0
	}
	return file.Size()
}

// write makes commit after commit until stop is closed.
func (s *store) write(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		begun := time.Now()
		if err := s.db.Update(s.next); err != nil {
			return err
		}
		s.took.Add(time.Since(begun))
	}
}

// fill makes commits quickly, before there is anything to lose.
func (s *store) fill(commits int) error {
	s.db.NoSync = true
	defer func() { s.db.NoSync = false }()
	for range commits {
		if err := s.db.Update(s.next); err != nil {
			return err
		}
	}
	return s.db.Sync()
}

func (s *store) next(tx *bolt.Tx) error {
	n := s.written + 1
	for _, op := range stream.Commit(n) {
		bucket, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "range%d", op.Key.Range))
		if err != nil {
			return err
		}
		if err := apply(bucket, op); err != nil {
			return err
		}
	}
	meta, err := tx.CreateBucketIfNotExists([]byte("meta"))
	if err != nil {
		return err
	}
	s.written = n
	return meta.Put(metaKey, binary.BigEndian.AppendUint64(nil, n))
}

func apply(bucket *bolt.Bucket, op workload.Op) error {
	if !op.Delete {
		return bucket.Put(op.Key.Bytes(), op.Value())
	}
	for key := op.Key; key.Index <= op.Last; key.Index++ {
		if err := bucket.Delete(key.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

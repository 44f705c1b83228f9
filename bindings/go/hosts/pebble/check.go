package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"hotbackup"
	"hotbackup/hosts/workload"

	"github.com/cockroachdb/pebble/v2"
)

// check opens a restored database as its host would, has Pebble check it, and compares it with what
// it must be: nothing missing, nothing newer, of any writer. Then it writes to it.
func check(setup setup, frozen [writers]uint64, expected *[writers]*workload.State) error {
	db, err := pebble.Open(setup.directory, setup.options())
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.CheckLevels(nil); err != nil {
		return err
	}
	for writer, commit := range frozen {
		if err := compare(db, writer, commit, expected[writer]); err != nil {
			return fmt.Errorf("writer %d: %w", writer, err)
		}
	}
	return db.Set([]byte("alive"), nil, pebble.Sync)
}

// states are those of all writers, before their first commits.
func states() *[writers]*workload.State {
	var states [writers]*workload.State
	for writer := range states {
		states[writer] = workload.NewState(stream(writer))
	}
	return &states
}

// at moves the states to later commits, and returns copies that stay there.
func at(commits [writers]uint64, states *[writers]*workload.State) *[writers]*workload.State {
	var held [writers]*workload.State
	for writer, commit := range commits {
		held[writer] = states[writer].At(commit)
	}
	return &held
}

// validate has Pebble check a copy where it is staged, without changing it: opened for reading only.
func (s setup) validate(staging string, _ *hotbackup.Hook) error {
	options := s.restored(staging).options()
	options.ReadOnly = true
	db, err := pebble.Open(staging, options)
	if err != nil {
		return err
	}
	return errors.Join(db.CheckLevels(nil), db.Close())
}

func compare(db *pebble.DB, writer int, commit uint64, expected *workload.State) error {
	var held uint64
	value, closer, err := db.Get(commitKey(writer))
	if err == nil {
		held = binary.BigEndian.Uint64(value)
		err = closer.Close()
	}
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	if held != commit {
		return fmt.Errorf("the copy holds commit %d, the freeze was at %d", held, commit)
	}
	prefix := fmt.Appendf(nil, "writer%d/", writer)
	pairs, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: fmt.Appendf(nil, "writer%d0", writer)})
	if err != nil {
		return err
	}
	defer pairs.Close()
	var malformed error
	return errors.Join(expected.Compare(func(yield func(workload.Key, []byte) bool) {
		for pairs.First(); pairs.Valid(); pairs.Next() {
			var key workload.Key
			if _, err := fmt.Fscanf(bytes.NewReader(pairs.Key()[len(prefix):]), "range%d/key%d", &key.Range, &key.Index); err != nil {
				malformed = fmt.Errorf("key %q: %w", pairs.Key(), err)
				return
			}
			if !yield(key, pairs.Value()) {
				return
			}
		}
	}), malformed, pairs.Error())
}

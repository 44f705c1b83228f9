package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hotbackup"
	"hotbackup/hosts/workload"

	bolt "go.etcd.io/bbolt"
)

// check opens a restored database as its host would, has bbolt check it, and compares it with what
// it must be: nothing missing, nothing newer. Then it writes to it.
func check(directory string, options bolt.Options, at point, expected *workload.State) error {
	options.Timeout = time.Minute
	db, err := bolt.Open(filepath.Join(directory, fileName), 0o600, &options)
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		if tx.ID() != at.txid {
			return fmt.Errorf("the copy opens at transaction %d, the freeze was at %d", tx.ID(), at.txid)
		}
		return errors.Join(sound(tx), compare(tx, at.commit, expected))
	})
	if err != nil {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put(metaKey, []byte("alive")) })
}

// sound has bbolt look at every page and at its list of free ones.
func sound(tx *bolt.Tx) error {
	var found []error
	for err := range tx.Check() {
		found = append(found, err)
	}
	return errors.Join(found...)
}

func compare(tx *bolt.Tx, commit uint64, expected *workload.State) error {
	if commit == 0 {
		return nil
	}
	if held := binary.BigEndian.Uint64(tx.Bucket([]byte("meta")).Get(metaKey)); held != commit {
		return fmt.Errorf("the copy holds commit %d, the freeze was at %d", held, commit)
	}
	var malformed error
	return errors.Join(expected.Compare(func(yield func(workload.Key, []byte) bool) {
		malformed = tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			if string(name) == "meta" {
				return nil
			}
			var key workload.Key
			if _, err := fmt.Sscanf(string(name), "range%d", &key.Range); err != nil {
				return err
			}
			return bucket.ForEach(func(k, v []byte) error {
				if _, err := fmt.Sscanf(string(k), "key%d", &key.Index); err != nil {
					return err
				}
				yield(key, v)
				return nil
			})
		})
	}), malformed)
}

// validate has bbolt check a copy where it is staged, without changing it: opened for reading only.
// It reads all of it, so it costs about as much as the copy did.
func validate(staging string, _ *hotbackup.Hook) error {
	db, err := bolt.Open(filepath.Join(staging, fileName), 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(sound)
}

package workload

import (
	"maps"
	"strings"
	"testing"
)

var stream = Stream{Seed: 7, Ranges: 3, Keys: 200, Ops: 12}

// apply is a database that is nothing but a map.
func apply(database map[Key][]byte, ops []Op) {
	for _, op := range ops {
		if !op.Delete {
			database[op.Key] = op.Value()
			continue
		}
		for index := op.Key.Index; index <= op.Last; index++ {
			delete(database, Key{op.Key.Range, index})
		}
	}
}

func TestAStateIsWhatItsCommitsWrote(t *testing.T) {
	database, state := map[Key][]byte{}, NewState(stream)
	for n := uint64(1); n <= 2000; n++ {
		apply(database, stream.Commit(n))
		if n%97 == 0 {
			state.Advance(n)
			if err := state.Compare(maps.All(database)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestACommitWritesToOnePartOfTheKeysAndInTimeToAll(t *testing.T) {
	stream, touched := stream, map[int]bool{}
	stream.Parts = 4
	for n := uint64(0); n < 4*64; n++ {
		part := int(n / 64)
		for _, op := range stream.Commit(n) {
			if op.Key.Index < part*stream.Keys/4 || op.Key.Index >= (part+1)*stream.Keys/4 {
				t.Fatalf("commit %d writes to key %d", n, op.Key.Index)
			}
			touched[op.Key.Index] = true
		}
	}
	if len(touched) != stream.Keys {
		t.Errorf("%d of %d keys are written to", len(touched), stream.Keys)
	}
}

func TestEachKindOfDifferenceIsFound(t *testing.T) {
	build := func(to uint64) map[Key][]byte {
		database := map[Key][]byte{}
		for n := uint64(1); n <= to; n++ {
			apply(database, stream.Commit(n))
		}
		return database
	}
	state := NewState(stream)
	state.Advance(500)
	var key Key
	for key = range build(500) {
		break
	}
	for name, change := range map[string]func(map[Key][]byte){
		"is missing":          func(d map[Key][]byte) { delete(d, key) },
		"should not be there": func(d map[Key][]byte) { d[Key{0, stream.Keys}] = []byte("new") },
		"is not what commit":  func(d map[Key][]byte) { d[key] = append([]byte("x"), d[key]...) },
	} {
		database := build(500)
		change(database)
		if err := state.Compare(maps.All(database)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, other := range []uint64{499, 501} {
		if state.Compare(maps.All(build(other))) == nil {
			t.Errorf("the state after commit %d passes as that after 500", other)
		}
	}
}

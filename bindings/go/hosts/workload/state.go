package workload

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
)

// A State is what a database holds after a commit of its stream.
type State struct {
	stream  Stream
	commit  uint64
	writers map[Key]Op // the changes that set the keys there are
}

// NewState is the empty state, after commit 0.
func NewState(stream Stream) *State { return &State{stream: stream, writers: map[Key]Op{}} }

// Advance moves the state to a later commit.
func (s *State) Advance(to uint64) {
	for s.commit < to {
		s.commit++
		for _, op := range s.stream.Commit(s.commit) {
			if !op.Delete {
				s.writers[op.Key] = op
				continue
			}
			for index := op.Key.Index; index <= op.Last; index++ {
				delete(s.writers, Key{op.Key.Range, index})
			}
		}
	}
}

// At moves the state to a later commit, and returns a copy that stays there.
func (s *State) At(commit uint64) *State {
	s.Advance(commit)
	return &State{s.stream, s.commit, maps.Clone(s.writers)}
}

// Compare says in what the pairs that a copy holds differ from the state: nil, if in nothing.
func (s *State) Compare(found func(yield func(Key, []byte) bool)) error {
	seen := make(map[Key]bool, len(s.writers))
	var differences []string
	differ := func(key Key, how string) {
		differences = append(differences, fmt.Sprintf("range %d, key %d %s", key.Range, key.Index, how))
	}
	for key, value := range found {
		wrote, expected := s.writers[key]
		switch {
		case seen[key]:
			differ(key, "is there twice")
		case !expected:
			differ(key, "should not be there")
		case !bytes.Equal(value, wrote.Value()):
			differ(key, fmt.Sprintf("is not what commit %d wrote", wrote.commit))
		}
		seen[key] = true
	}
	for key, wrote := range s.writers {
		if !seen[key] {
			differ(key, fmt.Sprintf("is missing, which commit %d wrote", wrote.commit))
		}
	}
	if len(differences) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d keys differ from commit %d: %s", len(differences), len(s.writers), s.commit,
		strings.Join(differences[:min(len(differences), 3)], "; "))
}

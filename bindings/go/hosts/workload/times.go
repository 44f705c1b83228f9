package workload

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Times collects how long something took, on any goroutine.
type Times struct {
	mu    sync.Mutex
	times []time.Duration
}

// Add adds one.
func (t *Times) Add(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times = append(t.times, took)
}

// Median and longest of what was added; 0 of nothing.
func (t *Times) Median() (median, longest time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.times) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(t.times))
	return sorted[len(sorted)/2], sorted[len(sorted)-1]
}

// Report says how long writes stopped, in milliseconds and in synced commits of the same run, and how
// much of that was the window, which the library needs.
func Report(stopped, windows, commits *Times) string {
	stop, longest := stopped.Median()
	window, _ := windows.Median()
	commit, slowest := commits.Median()
	return fmt.Sprintf("writes stopped for %.2f ms (median; longest %.2f ms), %.2f of a synced commit "+
		"(median %.2f ms; slowest %.2f ms); the window was %.2f ms of it, %.2f of a synced commit",
		ms(stop), ms(longest), ms(stop)/ms(commit), ms(commit), ms(slowest), ms(window), ms(window)/ms(commit))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

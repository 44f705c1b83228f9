package hotbackup

import (
	"math"
	"time"
)

// Retention is a policy: what any of its rules keeps stays, and always the newest good snapshot. Which of two
// snapshots is the newer is told by their names, never by a clock; their times, in UTC, say of which day each
// is. A number that is 0 and an empty list are a rule that keeps none.
type Retention struct {
	// Newest keeps the newest so many.
	Newest int
	// Hourly, Daily, Weekly (weeks of ISO 8601, from Monday), Monthly and Yearly keep the newest one of
	// each of the last so many hours, days, weeks, months and years that have any.
	Hourly, Daily, Weekly, Monthly, Yearly int
	// Within keeps all that are not older, counted back from now or from the newest good one, whichever is
	// earlier. Rounded up to milliseconds.
	Within time.Duration
	// Tags keeps all that have one of these tags.
	Tags []string
}

// Verdict is what a policy makes of a snapshot, and why: a plain value.
type Verdict struct {
	// ID is the snapshot's.
	ID string
	// Location is its directory, absolute: where it is or, once it has gone, was.
	Location string
	// Goes says that no rule keeps it, so that it goes or, by [PruneBy], has gone.
	Goes bool
	// Reasons are why it stays or goes, in words: "daily 2 of 14, tagged release".
	Reasons string
}

// RetentionPlan is what a policy makes of each snapshot of a root, newest first. Nothing is changed, and
// whether one is being read is not looked at. [ErrInvalidArgument]: the policy has no rule.
func RetentionPlan(root string, retention Retention) ([]Verdict, error) {
	return verdicts(root, retention, false)
}

// PruneBy deletes what a policy does not keep, the oldest first, and returns what became of each snapshot, newest
// first. Those in use (a restore, a verification) stay. Unreadable ones neither count nor go. A damaged one,
// in which something was found bad, takes no good one's place, and goes if it would were it good.
// [ErrInvalidArgument]: the policy has no rule; [ErrConflict]: the root is in use.
func PruneBy(root string, retention Retention) ([]Verdict, error) {
	return verdicts(root, retention, true)
}

// The rules that count, by the numbers that C has for them.
const (
	keepNewest  = 1
	keepHourly  = 2
	keepDaily   = 3
	keepWeekly  = 4
	keepMonthly = 5
	keepYearly  = 6
)

// counts are how many each rule keeps, by its number; there is none of the number 0.
func (r Retention) counts() ([]int, error) {
	counts := []int{
		keepNewest: r.Newest, keepHourly: r.Hourly, keepDaily: r.Daily,
		keepWeekly: r.Weekly, keepMonthly: r.Monthly, keepYearly: r.Yearly,
	}
	for _, count := range counts {
		if count < 0 || count > math.MaxUint32 {
			return nil, invalid("a policy that keeps %d: that is no number to keep", count)
		}
	}
	if r.Within < 0 {
		return nil, invalid("a policy that keeps within %v: that is no age", r.Within)
	}
	return counts, nil
}

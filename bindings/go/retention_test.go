package hotbackup

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestAPolicyThatNobodyCanKeepIsRefused(t *testing.T) {
	root := t.TempDir()
	for _, policy := range []Retention{
		{Newest: -1}, {Yearly: math.MaxUint32 + 1}, {Within: -time.Second}, {Tags: []string{"a\x00b"}}, {Tags: []string{"\xff"}},
	} {
		for _, ask := range []func(string, Retention) ([]Verdict, error){RetentionPlan, PruneBy} {
			if told, err := ask(root, policy); !errors.Is(err, ErrInvalidArgument) || told != nil {
				t.Errorf("%+v: %v, %v", policy, told, err)
			}
		}
	}
	if told, err := RetentionPlan(root, Retention{Daily: math.MaxUint32, Within: math.MaxInt64}); err != nil || len(told) != 0 {
		t.Errorf("%v, %v", told, err)
	}
}

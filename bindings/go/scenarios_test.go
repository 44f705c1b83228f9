package hotbackup

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// scenarios are the cases that all languages show: those of scenarios_*_test.go.
var scenarios = map[string]func(*world) error{}

func scenario(name string, run func(*world) error) bool {
	scenarios[name] = run
	return true
}

type wanted struct{ code, calls string }

func readCases(t *testing.T) map[string]wanted {
	text, err := os.ReadFile("../../tests/scenarios/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]wanted{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "|")
		if len(fields) != 3 {
			t.Fatalf("no case: %q", line)
		}
		cases[strings.TrimSpace(fields[0])] = wanted{strings.TrimSpace(fields[1]), strings.Join(strings.Fields(fields[2]), " ")}
	}
	return cases
}

func TestEveryCaseThatAllLanguagesShow(t *testing.T) {
	names := codeNames(t)
	cases := readCases(t)
	for name := range scenarios {
		if _, listed := cases[name]; !listed {
			t.Errorf("%s is not listed", name)
		}
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := scenarios[name]
			if run == nil {
				t.Fatal("a case that this program does not know")
			}
			w := newWorld(t)
			err := run(w)
			if got := codeName(names, err); got != want.code {
				t.Errorf("ended with %s (%v), not %s", got, err, want.code)
			}
			if got := strings.Join(w.forget(), " "); got != want.calls {
				t.Errorf("called %q, not %q", got, want.calls)
			}
		})
	}
}

// codeNames are the codes of the C header, without BACKUP_.
func codeNames(t *testing.T) map[Code]string {
	names := map[Code]string{}
	_, codes, _ := strings.Cut(header(t), "---- Codes ---")
	codes, _, _ = strings.Cut(codes, "\n/* ----")
	for _, found := range regexp.MustCompile(`(?m)^#define BACKUP_(\w+) (\d+)$`).FindAllStringSubmatch(codes, -1) {
		value, _ := strconv.Atoi(found[2])
		names[Code(value)] = found[1]
	}
	return names
}

func codeName(names map[Code]string, err error) string {
	var failure *Error
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &failure):
		return names[failure.Code]
	case errors.Is(err, context.DeadlineExceeded):
		return "TIMEOUT"
	}
	return err.Error()
}

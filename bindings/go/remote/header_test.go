package remote

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readFile(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryFunctionOfTheHeaderIsCalled(t *testing.T) {
	sources, err := filepath.Glob("c_*.go")
	if err != nil {
		t.Fatal(err)
	}
	var calls strings.Builder
	for _, source := range append(sources, "shim.c") {
		calls.WriteString(readFile(t, source))
	}
	header := readFile(t, "../../../include/hotbackup_remote.h")
	found := regexp.MustCompile(`(?m)^[a-z][\w \*]*?\b(backup_\w+)\(`).FindAllStringSubmatch(header, -1)
	if len(found) < 31 {
		t.Fatalf("only %d functions are found in the header", len(found))
	}
	for _, function := range found {
		name := function[1]
		if name == "backup_remote_options_new_for" {
			continue // backup_remote_options_new calls it
		}
		if !strings.Contains(calls.String(), name+"(") {
			t.Errorf("%s is not called", name)
		}
	}
}

func TestRequestsHaveTheFieldsOfTheHeader(t *testing.T) {
	header := readFile(t, "../../../include/hotbackup_remote.h")
	_, fields, _ := strings.Cut(header, "typedef struct {")
	fields, _, _ = strings.Cut(fields, "} backup_remote_requests;")
	var theirs, ours []string
	for _, field := range regexp.MustCompile(`(?m)^ +uint64_t (\w+);$`).FindAllStringSubmatch(fields, -1) {
		theirs = append(theirs, strings.ReplaceAll(field[1], "_", ""))
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Requests]()) {
		ours = append(ours, strings.ToLower(field.Name))
	}
	if len(theirs) < 8 || !slices.Equal(theirs[1:], ours) {
		t.Errorf("%v, in the header %v", ours, theirs)
	}
}

func TestTheKeysOfTheHeaderAreToldAtSettings(t *testing.T) {
	keys := func(text string) []string {
		_, text, _ = strings.Cut(text, "docs/remote.md lists")
		text, _, _ = strings.Cut(text, "read_back")
		return regexp.MustCompile(`[a-z_]+`).FindAllString(text, -1)
	}
	theirs, ours := keys(readFile(t, "../../../include/hotbackup_remote.h")), keys(readFile(t, "options.go"))
	if len(theirs) < 20 || !slices.Equal(theirs, ours) {
		t.Errorf("%v, in the header %v", ours, theirs)
	}
}

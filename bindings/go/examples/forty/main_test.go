package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestItRestoresWhatItBackedUpInFortyLines(t *testing.T) {
	place := t.TempDir()
	data, target := filepath.Join(place, "data"), filepath.Join(place, "again")
	for name, text := range map[string]string{"1.sst": "a table", "wal/log": "a log", "LOCK": ""} {
		path := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Args = []string{"forty", data, target}
	main()
	for name, text := range map[string]string{"1.sst": "a table", "wal/log": "a log"} {
		if got, err := os.ReadFile(filepath.Join(target, name)); string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(target, "LOCK")); !os.IsNotExist(err) {
		t.Errorf("LOCK: %v", err)
	}
	source, err := os.ReadFile("main.go")
	if lines := strings.Count(string(source), "\n"); err != nil || lines > 40 {
		t.Errorf("%d lines, %v", lines, err)
	}
}

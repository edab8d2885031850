package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCheckTakesTheUser asks for what a user of the command line cannot read.
func TestCheckTakesTheUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("user: root\nports: {80: 8080}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"check", "--user", "no-such-user", file}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	if want := file + ": warning: there is no user \"no-such-user\" on this machine; make the user, or name another one\n"; stderr.String() != want {
		t.Errorf("stderr is %q, want %q", &stderr, want)
	}
}

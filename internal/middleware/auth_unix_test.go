//go:build unix

package middleware

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestPasswordFileIsPipe: opening a pipe would hang until somebody writes into it.
func TestPasswordFileIsPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	log, _ := newLog()
	want := name + ": this is not a regular file"
	if f, err := OpenPasswordFile(name, log); f != nil || err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

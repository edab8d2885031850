//go:build unix

package proxy

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestStaticPipe: opening a pipe would hang until somebody writes into it.
func TestStaticPipe(t *testing.T) {
	s := newSite(t, "a.com", "DIR", nil)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.get("GET /pipe").want(t, 404, noSuchFile)
}

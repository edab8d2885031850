//go:build unix

package certs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// openFolders makes a folder that every user can enter, and one below it.
func openFolders(t *testing.T) (top, dir string) {
	t.Helper()
	// t.TempDir's lie in one that is its owner's alone.
	top, err := os.MkdirTemp("", "exposed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	dir = filepath.Join(top, "certs")
	for _, d := range []string{top, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		chmod(t, d, 0o755)
	}
	return top, dir
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestExposedKeys(t *testing.T) {
	a := newAuthority(t, "one")
	leaf := a.leaf(t, "a.test")
	for _, tt := range []struct {
		name      string
		key       os.FileMode
		dir, top  os.FileMode
		inCert    bool // the key stands in the certificate's file
		wantThere bool
	}{
		{"its owner's alone", 0o600, 0o755, 0o755, false, false},
		{"its group's", 0o640, 0o755, 0o755, false, false},
		{"everybody's", 0o644, 0o755, 0o755, false, true},
		{"everybody's, with the certificate", 0o604, 0o755, 0o755, true, true},
		{"in a closed folder", 0o644, 0o750, 0o755, false, false},
		{"below a closed folder", 0o644, 0o755, 0o700, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			top, dir := openFolders(t)
			cert := certPEM(leaf, a.sub, a.root)
			if tt.inCert {
				cert = ""
			}
			write(t, dir, "cert", cert, "key", certPEM(leaf, a.sub, a.root)+keyPEM(leaf))
			chmod(t, filepath.Join(dir, "cert"), 0o644) // a certificate is no secret
			chmod(t, filepath.Join(dir, "key"), tt.key)
			chmod(t, dir, tt.dir)
			chmod(t, top, tt.top)
			var want []string
			if tt.wantThere {
				want = []string{"key: " + textExposed}
			}
			if got := noticeLines(scanned(t, dir)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// The key of a pair is looked at as well, through a link.
func TestExposedKeyOfPair(t *testing.T) {
	_, dir := openFolders(t)
	a := newAuthority(t, "one")
	p := a.leaf(t, "a.test")
	write(t, dir, "real.pem", certPEM(p, a.sub, a.root)+keyPEM(p))
	chmod(t, filepath.Join(dir, "real.pem"), 0o644)
	file := filepath.Join(dir, "link.pem")
	if err := os.Symlink("real.pem", file); err != nil {
		t.Fatal(err)
	}
	c, fault := (&Pair{Cert: file, Key: file}).load(time.Now())
	if fault != nil {
		t.Fatal(fault)
	}
	got := aboutPairs([]*Certificate{c}, time.Now())
	if want := (Notice{File: file, Text: textExposed}); !slices.Equal(got, []Notice{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

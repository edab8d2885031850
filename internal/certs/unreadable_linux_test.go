package certs

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// asNobody does f as a user whom permissions stop. Files in dir can be reached
// by that user as far as they allow it themselves.
func asNobody(t *testing.T, dir string, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	for parent := dir; parent != os.TempDir(); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Seteuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Seteuid(0); err != nil {
			panic(err) // the other tests would run as nobody
		}
	}()
	f()
}

// What cannot be read is told and takes nothing else away; what would block is
// not opened.
func TestScanDirUnreadable(t *testing.T) {
	a := newAuthority(t, "one")
	p, q := a.leaf(t, "a.test"), a.leaf(t, "b.test")
	dir := t.TempDir()
	link(t, dir, "nowhere", "dangling.pem")
	link(t, dir, "self", "self")
	write(t, dir, "locked/c.pem", certPEM(p), "secret.pem", keyPEM(p), "folder.pem/good", certPEM(q, a.sub, a.root)+keyPEM(q))
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"locked": 0, "secret.pem": 0, "folder.pem/good": 0o644, "folder.pem": 0o755} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(filepath.Join(dir, "locked"), 0o700)
	want := []string{
		"dangling.pem: a link that leads nowhere",
		"folder.pem/good: " + textExposed,
		"locked: cannot be read: permission denied",
		"secret.pem: cannot be read: permission denied",
		"self: cannot be read: too many levels of symbolic links",
	}
	asNobody(t, dir, func() {
		f := scanned(t, dir)
		if got := noticeLines(f); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := outline(f); !slices.Equal(got, []string{"b.test < one sub: folder.pem/good + folder.pem/good"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A renewal that leaves its files readable for root alone is the mistake that
// people make; the old certificate goes on.
func TestReplacedByUnreadable(t *testing.T) {
	a := newAuthority(t, "one")
	old, next := a.leaf(t, "a.test"), a.leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "c.pem", certPEM(old, a.sub), "k.pem", keyPEM(old))
	open := func(mode os.FileMode) {
		for _, name := range []string{"c.pem", "k.pem"} {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(0o644)
	var s *Store
	asNobody(t, dir, func() { s = newStore(t, Options{Dir: dir}) })
	wantServed(t, s, "a.test", old)

	write(t, dir, "c.pem", certPEM(next, a.sub), "k.pem", keyPEM(next))
	open(0)
	asNobody(t, dir, func() { settle(s) })
	wantServed(t, s, "a.test", old)

	open(0o644)
	asNobody(t, dir, func() { settle(s) })
	wantServed(t, s, "a.test", next)
}

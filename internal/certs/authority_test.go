package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func openAuthority(t *testing.T, dir string, c *clock) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// trusting is a client's configuration that trusts the root that users are
// told to trust, and nothing else.
func trusting(t *testing.T, a *Authority, name string) *tls.Config {
	t.Helper()
	pool, err := LoadCAPool(a.RootFile())
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{ServerName: name, RootCAs: pool}
}

func TestAuthorityIssues(t *testing.T) {
	a := openAuthority(t, t.TempDir(), new(clock))
	s := newStore(t, Options{Local: a, LocalNames: []string{"App.Test", "*.wild.test", "10.0.0.1:8"}})
	for _, tt := range []struct {
		ask string
		ok  bool
	}{
		{"app.test", true},
		{"localhost", true},
		{"x.localhost", true},
		{"127.0.0.1", true}, // a client that wants an address sends no name
		{"stranger.test", false},
		{"x.wild.test", false},
		{"localhost.evil.test", false},
	} {
		t.Run(tt.ask, func(t *testing.T) {
			chain, err := shake(t, s, trusting(t, a, tt.ask))
			if (err == nil) != tt.ok {
				t.Fatalf("verified: %v", err)
			}
			if tt.ok && len(chain) != 1 {
				t.Errorf("%d certificates are sent, want only the leaf", len(chain))
			}
		})
	}
	// A name that is not known has no certificate made for it.
	if got := served(t, s, "stranger.test").DNSNames; len(got) != 1 || got[0] != localhost {
		t.Errorf("a stranger gets the certificate for %v", got)
	}
	if got := s.Summary().String(); got != "a local authority" {
		t.Errorf("summary: %q", got)
	}
}

func TestAuthorityIssuesForMachine(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	a := openAuthority(t, t.TempDir(), new(clock))
	if _, err := shake(t, newStore(t, Options{Local: a}), trusting(t, a, machine)); err != nil {
		t.Error(err)
	}
}

// Certificates of the user's own come before the authority's, and those
// before the ones that stand in.
func TestAuthorityBesideFolder(t *testing.T) {
	own := newAuthority(t, "one").leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "x", certPEM(own)+keyPEM(own))
	a := openAuthority(t, t.TempDir(), new(clock))
	s := newStore(t, Options{Dir: dir, Local: a, LocalNames: []string{"a.test", "b.test"}})
	wantServed(t, s, "a.test", own)
	wantServed(t, s, "zzz.test", own)
	if got := served(t, s, "b.test").DNSNames[0]; got != "b.test" {
		t.Errorf("b.test gets the certificate for %s", got)
	}
	if got := served(t, s, "").DNSNames[0]; got != localhost {
		t.Errorf("a client of 127.0.0.1 gets the certificate for %s", got)
	}
	s = newStore(t, Options{Dir: dir, Local: a, Primary: "a.test"})
	wantServed(t, s, "", own)
	if got, want := s.Summary().String(), "1 certificate (a.test) and a local authority"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "ca")
	first := openAuthority(t, dir, new(clock))
	second := openAuthority(t, dir, new(clock))
	if !first.root.Equal(second.root) {
		t.Error("a second run has another root")
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{dir: 0o700, first.bundle(): 0o600, first.RootFile(): 0o600} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s: mode %o, want %o", path, got, want)
			}
		}
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 2 {
		t.Errorf("the folder holds %v", left)
	}
	if life := first.root.NotAfter.Year() - first.root.NotBefore.Year(); life < 9 || !strings.HasPrefix(first.root.Subject.CommonName, "http-master local CA") {
		t.Errorf("the root is %q for %d years", first.root.Subject.CommonName, life)
	}
}

func TestAuthorityOpenedAtOnce(t *testing.T) {
	dir := t.TempDir()
	roots := make([]*x509.Certificate, 8)
	var wg sync.WaitGroup
	for i := range roots {
		wg.Go(func() {
			a, err := OpenAuthority(dir, nil)
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = a.root
		})
	}
	wg.Wait()
	for _, root := range roots {
		if root == nil || !root.Equal(roots[0]) {
			t.Fatal("not everyone has the same root")
		}
	}
}

func TestAuthorityExpires(t *testing.T) {
	dir := t.TempDir()
	c := new(clock)
	first := openAuthority(t, dir, c)
	c.pass(11 * 365 * dayLong)
	second := openAuthority(t, dir, c)
	if second.root.Equal(first.root) || c.now().After(second.root.NotAfter) {
		t.Error("an expired root is still used")
	}
	data, err := os.ReadFile(second.RootFile())
	if err != nil || string(data) != block("CERTIFICATE", second.root.Raw) {
		t.Error("the old root is still the one to be trusted")
	}
}

func TestAuthorityDamaged(t *testing.T) {
	a := openAuthority(t, t.TempDir(), new(clock))
	write(t, a.dir, rootBundle, "x")
	_, err := OpenAuthority(a.dir, nil)
	want := "local authority: " + a.bundle() + " is damaged: remove it, and a new authority is made, which clients must be told to trust anew"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestAuthorityDir(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "STATE_DIRECTORY", "AppData"} {
		t.Setenv(name, "")
	}
	_, err := OpenAuthority("", nil)
	want := "local authority: there is no folder to keep it in: set HOME or XDG_CONFIG_HOME, or StateDirectory=http-master in a systemd unit"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	t.Setenv("STATE_DIRECTORY", home+":/other")
	if a := openAuthority(t, "", new(clock)); a.RootFile() != filepath.Join(home, "ca", "root.crt") {
		t.Errorf("a service's root is in %s", a.RootFile())
	}
	if runtime.GOOS != "linux" {
		return
	}
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	if a := openAuthority(t, "", new(clock)); a.RootFile() != filepath.Join(home, "config", "http-master", "ca", "root.crt") {
		t.Errorf("a user's root is in %s", a.RootFile())
	}
}

func TestLeavesAreRenewedAndBounded(t *testing.T) {
	c := new(clock)
	a := openAuthority(t, t.TempDir(), c)
	first := must(a.forName("a.localhost"))
	c.pass(59 * dayLong)
	if must(a.forName("a.localhost")) != first {
		t.Error("a certificate is made anew too early")
	}
	c.pass(2 * dayLong)
	if must(a.forName("a.localhost")) == first {
		t.Error("a certificate is not renewed")
	}
	for i := range maxIssued + 10 {
		must(a.forName(fmt.Sprintf("n%d.localhost", i)))
	}
	if len(a.issued) > maxIssued {
		t.Errorf("%d certificates are kept, want at most %d", len(a.issued), maxIssued)
	}
}

func TestLeafForAddress(t *testing.T) {
	a := openAuthority(t, t.TempDir(), new(clock))
	for _, text := range []string{"127.0.0.1", "::1", "127.0.0.2", "192.0.2.7", "2001:db8::1"} {
		c := must(a.forIP(netip.MustParseAddr(text)))
		if err := c.Leaf.VerifyHostname(text); err != nil {
			t.Error(err)
		}
	}
}

func TestPeekAuthorityWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	peeked, err := PeekAuthority(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := peeked.forName("a.com"); err != nil || c.Leaf.CheckSignatureFrom(peeked.root) != nil {
		t.Errorf("it issues %v, %v", c, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a folder now: %v", err)
	}

	kept, err := OpenAuthority(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := PeekAuthority(dir, nil); err != nil || !again.root.Equal(kept.root) {
		t.Errorf("the root that is there was not taken: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, rootBundle), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := PeekAuthority(dir, nil); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged root: %v", err)
	}
}

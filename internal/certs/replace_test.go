package certs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// soon is within what time a replaced certificate has to be served.
const soon = 2 * time.Second

// writer is a way in which a certificate comes into a folder.
type writer func(t *testing.T, dir string, n int, p *pair, chain string)

// certbot writes the nth set of files, and then points the links at it, one
// after the other, each of which is gone for a moment.
func certbot(t *testing.T, dir string, n int, p *pair, chain string) {
	kinds := []string{"cert", "privkey", "chain", "fullchain"}
	for i, content := range []string{certPEM(p), keyPEM(p), chain, certPEM(p) + chain} {
		write(t, dir, fmt.Sprintf("archive/a.test/%s%d.pem", kinds[i], n), content)
	}
	for _, kind := range kinds {
		path := filepath.Join(dir, "live/a.test", kind+".pem")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		remove(t, path)
		if err := os.Symlink(fmt.Sprintf("../../archive/a.test/%s%d.pem", kind, n), path); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
}

// acmeSh truncates and writes each file, the key first.
func acmeSh(t *testing.T, dir string, _ int, p *pair, chain string) {
	write(t, dir, "a.test/a.test.key", keyPEM(p), "a.test/a.test.cer", certPEM(p), "a.test/ca.cer", chain, "a.test/fullchain.cer", certPEM(p)+chain)
}

// cp is what it says.
func cp(t *testing.T, dir string, _ int, p *pair, chain string) {
	program, err := exec.LookPath("cp")
	if err != nil {
		t.Skip(err)
	}
	from := t.TempDir()
	write(t, from, "tls.crt", certPEM(p)+chain, "tls.key", keyPEM(p))
	if out, err := exec.Command(program, filepath.Join(from, "tls.crt"), filepath.Join(from, "tls.key"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A store that runs as it does in the server serves what has been replaced
// soon, in whatever way it was written, and meanwhile what was there before.
func TestReplacedIsServedSoon(t *testing.T) {
	a := newAuthority(t, "one")
	chain := certPEM(a.sub)
	for name, put := range map[string]writer{"certbot": certbot, "acme.sh": acmeSh, "cp": cp} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			now := a.leaf(t, "a.test")
			put(t, dir, 1, now, chain)
			log := new(lines)
			s := newStore(t, Options{Dir: dir, Log: log.logger()})
			run(t, s)

			renewed := func(n int) *pair { return a.sub.issue(t, template{names: []string{"a.test"}, days: 60 + n}) }
			const attempts = 3 // as the machine may have other things to do
			for n := range attempts {
				before := now
				now = renewed(n + 1)
				put(t, dir, n+2, now, chain)
				written := time.Now()
				eventually(t, "the new certificate", func() bool {
					got := served(t, s, "a.test")
					if !got.Equal(before.cert) && !got.Equal(now.cert) {
						t.Fatalf("the certificate of %v is served", got.DNSNames)
					}
					return got.Equal(now.cert)
				})
				took := time.Since(written)
				t.Logf("served after %v", took)
				if took <= soon {
					break
				}
				if n == attempts-1 {
					t.Errorf("never served within %v", soon)
				}
			}

			bad := renewed(9)
			bad.key = newKey(t) // is another one
			put(t, dir, 9, bad, chain)
			eventually(t, "a word about the bad certificate", func() bool {
				return strings.Contains(log.text(), "its private key was not found")
			})
			wantServed(t, s, "a.test", now)
		})
	}
}

package certs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever way a certificate is replaced, and wherever the store's look falls
// into it, there is always one to serve, and the new one in the end.
func TestReplace(t *testing.T) {
	a := newAuthority(t, "one")
	old := a.leaf(t, "a.test")
	// The new one expires sooner, so that it is not taken just for that.
	fresh := a.sub.issue(t, template{names: []string{"a.test"}, days: 40})
	other := a.leaf(t, "other.test")
	half := func(s string) string { return s[:len(s)/2] }
	chain, key := certPEM(fresh, a.sub), keyPEM(fresh)

	put := func(files ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, dir, files...) }
	}
	rename := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(target, path string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { link(t, dir, target, path) }
	}
	rm := func(path string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { remove(t, dir, path) }
	}
	type step = func(*testing.T, string)
	plain := put("c.pem", certPEM(old, a.sub), "k.pem", keyPEM(old))
	for _, tt := range []struct {
		name  string
		start step
		steps []step
	}{
		{"cp, certificate first", plain, []step{put("c.pem", chain), put("k.pem", key)}},
		{"cp, key first", plain, []step{put("k.pem", key), put("c.pem", chain)}},
		{"cp in pieces", plain, []step{
			put("c.pem", ""), put("c.pem", half(chain)), put("c.pem", chain), put("k.pem", ""), put("k.pem", half(key)), put("k.pem", key),
		}},
		{"rename", plain, []step{
			put("c.tmp", half(chain)), put("c.tmp", chain), put("k.tmp", key), rename("c.tmp", "c.pem"), rename("k.tmp", "k.pem"),
		}},
		{"all removed, then written", plain, []step{rm("c.pem"), rm("k.pem"), put("c.pem", chain), put("k.pem", key)}},
		{"folder removed, then written", plain, []step{rm("."), put("k.pem", key), put("c.pem", chain)}},
		{"removed beside others", func(t *testing.T, dir string) {
			plain(t, dir)
			write(t, dir, "other.pem", certPEM(other)+keyPEM(other))
		}, []step{rm("c.pem"), rm("k.pem"), put("k.pem", key), put("c.pem", chain)}},
		{"another file name", put("x.pem", certPEM(old, a.sub)+keyPEM(old)), []step{rm("x.pem"), put("y.pem", chain+key)}},
		{"certbot", func(t *testing.T, dir string) {
			write(t, dir, "../archive/fullchain1.pem", certPEM(old, a.sub), "../archive/privkey1.pem", keyPEM(old))
			link(t, dir, "../../archive/fullchain1.pem", "a/fullchain.pem")
			link(t, dir, "../../archive/privkey1.pem", "a/privkey.pem")
		}, []step{
			put("../archive/privkey2.pem", key, "../archive/fullchain2.pem", chain),
			flip("../../archive/privkey2.pem", "a/privkey.pem"),
			flip("../../archive/fullchain2.pem", "a/fullchain.pem"),
		}},
		{"Kubernetes", func(t *testing.T, dir string) {
			write(t, dir, "..1/tls.crt", certPEM(old, a.sub), "..1/tls.key", keyPEM(old))
			link(t, dir, "..1", "..data")
			link(t, dir, "..data/tls.crt", "tls.crt")
			link(t, dir, "..data/tls.key", "tls.key")
		}, []step{put("..2/tls.crt", chain, "..2/tls.key", key), flip("..2", "..data"), rm("..1")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "live")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			tt.start(t, dir)
			s := newStore(t, Options{Dir: dir})
			wantServed(t, s, "a.test", old)
			for i, step := range tt.steps {
				step(t, dir)
				s.Rescan()
				if got := served(t, s, "a.test"); !got.Equal(old.cert) && !got.Equal(fresh.cert) {
					t.Errorf("after step %d the certificate of %v is served", i+1, got.DNSNames)
				}
			}
			settle(s)
			wantServed(t, s, "a.test", fresh)
		})
	}
}

// What is bad and stays bad does not take a good certificate away either, it
// is told once, and mending it ends it.
func TestBreak(t *testing.T) {
	a := newAuthority(t, "one")
	good, next := a.leaf(t, "a.test"), a.leaf(t, "a.test")
	stranger := a.leaf(t, "stranger.test")
	expired := a.sub.issue(t, template{names: []string{"a.test"}, days: -3})
	k := keyPEM(good)
	const still = `level=WARN msg="certificate for a.test: the one read before is still served, until $end" file=$dir/c.pem`
	const noKey = `level=WARN msg="certificate for a.test: its private key was not found, not used" file=$dir/c.pem`
	damaged := func(file string) string { return `level=WARN msg="` + textDamaged + `" file=$dir/` + file }
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"empty certificate", []string{"c.pem", ""}, []string{still}},
		{"garbage", []string{"c.pem", "<html>", "k.pem", "<html>"}, []string{still}},
		{"half a certificate", []string{"c.pem", certPEM(good)[:99]}, []string{damaged("c.pem"), still}},
		{"half a key", []string{"k.pem", k[:99]}, []string{noKey, damaged("k.pem"), still}},
		{"empty key", []string{"k.pem", ""}, []string{noKey, still}},
		{"encrypted key", []string{"k.pem", fixture(t, "encrypted-pkcs8.pem")}, []string{noKey, `level=WARN msg="` + textEncrypted + `" file=$dir/k.pem`, still}},
		{"new certificate, old key", []string{"c.pem", certPEM(next)}, []string{noKey, still}},
		{"expired", []string{"c.pem", certPEM(expired), "k.pem", keyPEM(expired)}, []string{
			`level=WARN msg="certificate for a.test: expired on ` + day(expired.cert.NotAfter) + `, not used" file=$dir/c.pem`, still,
		}},
		{"a stranger without key", []string{"c.pem", certPEM(stranger)}, []string{
			`level=WARN msg="certificate for stranger.test: its private key was not found, not used" file=$dir/c.pem`, still,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "c.pem", certPEM(good), "k.pem", k, "chain.pem", certPEM(a.sub, a.root))
			log := new(lines)
			s := newStore(t, Options{Dir: dir, Log: log.logger()})
			wantLines(t, log)

			write(t, dir, tt.files...)
			settle(s)
			wantServed(t, s, "a.test", good)
			for i, line := range tt.want {
				tt.want[i] = strings.NewReplacer("$dir", dir, "$end", day(good.cert.NotAfter)).Replace(line)
			}
			wantLines(t, log, tt.want...)
			for i := range 3 {
				write(t, dir, "note", fmt.Sprint("unrelated", i))
				settle(s)
			}
			wantServed(t, s, "a.test", good)
			wantLines(t, log)

			write(t, dir, "c.pem", certPEM(next), "k.pem", keyPEM(next))
			settle(s)
			wantServed(t, s, "a.test", next)
			end := day(next.cert.NotAfter)
			wantLines(t, log,
				fmt.Sprintf("level=INFO msg=%q names=a.test file=%s/c.pem expires=%s", "certificate loaded", dir, end),
				fmt.Sprintf("level=INFO msg=%q names=a.test file=%s/c.pem expires=%s", "certificate no longer served", dir, end))
		})
	}
}

// A broken chain file does not shorten the chain that is sent.
func TestBreakChain(t *testing.T) {
	a := newAuthority(t, "one")
	inner := a.sub.issue(t, template{cn: "inner", ca: true})
	p := inner.issue(t, template{names: []string{"a.test"}})
	for _, beside := range [][]*pair{nil, {inner}} { // what lies with the leaf
		dir := t.TempDir()
		write(t, dir, "c.pem", certPEM(append(beside, p)...)+keyPEM(p), "chain.pem", certPEM(inner, a.sub))
		s := newStore(t, Options{Dir: dir})
		write(t, dir, "chain.pem", certPEM(inner)[:99])
		settle(s)
		if c := s.current.Load().certs[0]; len(c.served.Load().Certificate) != 3 {
			t.Errorf("%d certificates are sent, want 3", len(c.served.Load().Certificate))
		}
	}
}

func TestRemove(t *testing.T) {
	a := newAuthority(t, "one")
	p, other := a.leaf(t, "a.test"), a.leaf(t, "b.test")
	for _, tt := range []struct{ name, what string }{
		{"certificate and key", "sub"},
		{"only the certificate", "sub/c.pem"},
		{"only the key", "sub/k.pem"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			log := new(lines)
			write(t, dir, "sub/c.pem", certPEM(p), "sub/k.pem", keyPEM(p), "z.pem", certPEM(other, a.sub)+keyPEM(other))
			s := newStore(t, Options{Dir: dir, Log: log.logger()})
			log.take()
			remove(t, dir, tt.what)
			settle(s)
			wantServed(t, s, "a.test", other)
			want := fmt.Sprintf(`level=INFO msg="certificate no longer served" names=a.test file=%s expires=%s`, filepath.Join(dir, "sub", "c.pem"), day(p.cert.NotAfter))
			if got := log.take(); len(got) == 0 || got[0] != want {
				t.Errorf("log %q, want %q first", got, want)
			}
		})
	}
}

// A folder that is gone, such as a mount that failed, takes nothing away.
func TestFolderGone(t *testing.T) {
	a := newAuthority(t, "one")
	p, next := a.leaf(t, "a.test"), a.sub.issue(t, template{names: []string{"a.test"}, days: 30})
	for _, tt := range []struct {
		name   string
		remove func(dir string)
		want   string
	}{
		{"removed", func(dir string) { remove(t, dir) }, "the certificate folder cannot be read: no such file or directory; what was read before is still served"},
		{"emptied", func(dir string) { remove(t, dir, "c.pem") }, "the certificate folder has become empty; what was read before is still served"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "certs")
			write(t, dir, "c.pem", certPEM(p, a.sub, a.root)+keyPEM(p))
			log := new(lines)
			s := newStore(t, Options{Dir: dir, Log: log.logger()})
			tt.remove(dir)
			for range 3 {
				settle(s)
				wantServed(t, s, "a.test", p)
			}
			wantLines(t, log, fmt.Sprintf("level=WARN msg=%q file=%s", tt.want, dir))
			write(t, dir, "c.pem", certPEM(next, a.sub, a.root)+keyPEM(next))
			settle(s)
			wantServed(t, s, "a.test", next)
			wantLines(t, log,
				fmt.Sprintf(`level=INFO msg="certificate loaded" names=a.test file=%s/c.pem expires=%s`, dir, day(next.cert.NotAfter)),
				fmt.Sprintf(`level=INFO msg="certificate no longer served" names=a.test file=%s/c.pem expires=%s`, dir, day(p.cert.NotAfter)))
		})
	}
}

func TestTimePasses(t *testing.T) {
	a := newAuthority(t, "one")
	now := a.sub.issue(t, template{names: []string{"a.test"}, days: 10})
	later := a.sub.issue(t, template{names: []string{"b.test"}, from: 5})
	dir := t.TempDir()
	write(t, dir, "1", certPEM(now, a.sub, a.root)+keyPEM(now), "2", certPEM(later, a.sub, a.root)+keyPEM(later))
	time := new(clock)
	log := new(lines)
	s := newStore(t, Options{Dir: dir, Log: log.logger(), Now: time.now})
	log.take()
	wantServed(t, s, "b.test", now)

	time.pass(6 * dayLong)
	s.Rescan()
	wantServed(t, s, "b.test", later)
	wantServed(t, s, "a.test", now)
	wantLines(t, log, fmt.Sprintf(`level=INFO msg="certificate loaded" names=b.test file=%s/2 expires=%s`, dir, day(later.cert.NotAfter)))

	time.pass(5 * dayLong)
	s.Rescan()
	wantServed(t, s, "a.test", later)
	end := day(now.cert.NotAfter)
	wantLines(t, log,
		fmt.Sprintf(`level=INFO msg="certificate no longer served" names=a.test file=%s/1 expires=%s`, dir, end),
		fmt.Sprintf(`level=WARN msg="certificate for a.test: expired on %s, not used" file=%s`, end, filepath.Join(dir, "1")))
}

const dayLong = 24 * time.Hour

// A file that never rests does not put off for ever what is to be told.
func TestRestlessFolder(t *testing.T) {
	a := newAuthority(t, "one")
	p, other := a.leaf(t, "a.test"), a.leaf(t, "b.test")
	dir := t.TempDir()
	write(t, dir, "1", certPEM(p, a.sub)+keyPEM(p), "2", certPEM(other, a.sub)+keyPEM(other))
	s := newStore(t, Options{Dir: dir})
	remove(t, dir, "1")
	for i := range maxPending {
		wantServed(t, s, "a.test", p)
		write(t, dir, "log", strings.Repeat("x", i))
		s.Rescan()
	}
	wantServed(t, s, "a.test", other)
}

// Nothing is read again as long as nothing changes.
func TestRescanReadsOnlyChanges(t *testing.T) {
	a := newAuthority(t, "one")
	p := a.leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "1", certPEM(p, a.sub)+keyPEM(p))
	s := newStore(t, Options{Dir: dir, Pairs: []Pair{{Name: "b.test", Cert: filepath.Join(dir, "1"), Key: filepath.Join(dir, "1")}}})
	before := s.current.Load()
	settle(s)
	if s.current.Load() != before {
		t.Error("an unchanged folder was read again")
	}
	write(t, dir, "2", "x")
	s.Rescan()
	if s.current.Load() == before {
		t.Error("a changed folder was not read again")
	}
}

// What is new is served from the first look on, and before what is kept, even
// if that is valid longer.
func TestNewIsServedAtOnce(t *testing.T) {
	a := newAuthority(t, "one")
	old, next := a.leaf(t, "a.test"), a.sub.issue(t, template{names: []string{"a.test"}, days: 30})
	dir := t.TempDir()
	write(t, dir, "1", certPEM(old, a.sub)+keyPEM(old))
	s := newStore(t, Options{Dir: dir})
	write(t, dir, "1", certPEM(next, a.sub)+keyPEM(next))
	s.Rescan()
	wantServed(t, s, "a.test", next)
}

// Two files may have the same size and time: mv keeps both.
func TestReplaceBySameSizeAndTime(t *testing.T) {
	a := newAuthority(t, "one")
	p := a.leaf(t, "a.test")
	q := p
	for q == p || len(q.cert.Raw) != len(p.cert.Raw) {
		q = a.sub.issue(t, template{names: []string{"a.test"}, days: 30, key: p.key})
	}
	dir := t.TempDir()
	then := time.Now().Add(-time.Hour)
	put := func(name, content string) {
		write(t, dir, name, content)
		if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "k", keyPEM(p))
	put("c", certPEM(p))
	s := newStore(t, Options{Dir: dir})
	put("../new", certPEM(q))
	if err := os.Rename(filepath.Join(dir, "../new"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	s.Rescan()
	wantServed(t, s, "a.test", q)
}

func TestPairsAreReadAgain(t *testing.T) {
	a := newAuthority(t, "one")
	first, second := a.leaf(t, "a.test"), a.leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "c", certPEM(first, a.sub), "k", keyPEM(first))
	log := new(lines)
	s := newStore(t, Options{Log: log.logger(), Pairs: []Pair{{Name: "a.test", Cert: filepath.Join(dir, "c"), Key: filepath.Join(dir, "k")}}})
	wantServed(t, s, "a.test", first)

	write(t, dir, "c", certPEM(second, a.sub))
	for range 3 {
		settle(s)
		wantServed(t, s, "a.test", first)
	}
	wantLines(t, log, fmt.Sprintf(`level=WARN msg="the key does not belong to the certificate in %s: they have different public keys; the certificate read before is still served" file=%s`,
		filepath.Join(dir, "c"), filepath.Join(dir, "k")))

	write(t, dir, "k", keyPEM(second))
	s.Rescan()
	wantServed(t, s, "a.test", second)
	s.Rescan()
	if got := log.take(); len(got) != 2 || !strings.Contains(got[0], "certificate loaded") {
		t.Errorf("log %q", got)
	}
	remove(t, dir, "c")
	settle(s)
	wantServed(t, s, "a.test", second)
}

// Whoever names a file by hand wants it served, expired or not, and is told.
func TestExpiredPair(t *testing.T) {
	a := newAuthority(t, "one")
	p := a.sub.issue(t, template{names: []string{"a.test"}, days: -2})
	dir := t.TempDir()
	write(t, dir, "x", certPEM(p, a.sub)+keyPEM(p))
	file := filepath.Join(dir, "x")
	log := new(lines)
	s := newStore(t, Options{Log: log.logger(), Pairs: []Pair{{Cert: file, Key: file}}})
	wantServed(t, s, "", p)
	wantLines(t, log, fmt.Sprintf(`level=WARN msg="certificate for a.test: expired on %s, but served, because the config names it" file=%s`, day(p.cert.NotAfter), file))
}

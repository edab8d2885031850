package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLookupOrder(t *testing.T) {
	a := newAuthority(t, "one")
	dir, hand := t.TempDir(), t.TempDir()
	exact, wild := a.leaf(t, "a.test"), a.leaf(t, "*.a.test")
	other := a.leaf(t, "other.test")
	named, namedWild := a.leaf(t, "elsewhere.test"), a.leaf(t, "elsewhere2.test")
	own := a.leaf(t, "own.test")
	write(t, dir, "1.pem", certPEM(other, a.sub)+keyPEM(other), "2.pem", certPEM(exact, a.sub)+keyPEM(exact), "3.pem", certPEM(wild, a.sub)+keyPEM(wild))
	for name, p := range map[string]*pair{"named": named, "wild": namedWild, "own": own} {
		write(t, hand, name+".crt", certPEM(p), name+".key", keyPEM(p))
	}
	byHand := func(name, file string) Pair {
		base := filepath.Join(hand, file)
		return Pair{Name: name, Key: base + ".key", Cert: base + ".crt"}
	}
	sni := []Pair{byHand("sni.a.test", "named"), byHand("*.wild.test", "wild")}
	withOwn := append([]Pair{byHand("", "own")}, sni...)

	for _, tt := range []struct {
		name    string
		options Options
		ask     string
		want    *pair
	}{
		{"exact SAN", Options{Dir: dir}, "a.test", exact},
		{"capitals", Options{Dir: dir}, "A.Test", exact},
		{"wildcard SAN", Options{Dir: dir}, "x.a.test", wild},
		{"wildcard SAN is one label", Options{Dir: dir}, "x.y.a.test", other},
		{"unknown: first found", Options{Dir: dir}, "zzz.test", other},
		{"none: first found", Options{Dir: dir}, "", other},
		{"unknown: primary", Options{Dir: dir, Primary: "A.test."}, "zzz.test", exact},
		{"none: primary", Options{Dir: dir, Primary: "a.test"}, "", exact},
		{"primary by wildcard", Options{Dir: dir, Primary: "www.a.test"}, "", wild},
		{"primary that is not there", Options{Dir: dir, Primary: "absent.test"}, "", other},
		{"SNI map before SAN wildcard", Options{Dir: dir, Pairs: sni}, "sni.a.test", named},
		{"SNI map wildcard", Options{Dir: dir, Pairs: sni}, "x.wild.test", namedWild},
		{"SNI map wildcard, two labels", Options{Dir: dir, Pairs: sni}, "x.y.wild.test", namedWild},
		{"SNI map wildcard is not the name itself", Options{Dir: dir, Pairs: sni}, "wild.test", other},
		{"pair by its SAN", Options{Dir: dir, Pairs: sni}, "elsewhere.test", named},
		{"pair before first found", Options{Dir: dir, Pairs: withOwn}, "zzz.test", own},
		{"primary before pair", Options{Dir: dir, Pairs: withOwn, Primary: "a.test"}, "", exact},
		{"only a pair", Options{Pairs: withOwn[:1]}, "zzz.test", own},
		{"only an SNI map", Options{Pairs: sni}, "zzz.test", named},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantServed(t, newStore(t, tt.options), tt.ask, tt.want)
		})
	}
}

// An authority near its end gives certificates that end with it, whenever they
// were issued.
func TestNewestOfThoseWithOneEnd(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	var newest *pair
	for i, from := range []int{-9, -2, -5} {
		p := a.sub.issue(t, template{names: []string{"a.test"}, from: from, end: a.sub.cert.NotAfter})
		write(t, dir, fmt.Sprint(i), certPEM(p, a.sub)+keyPEM(p))
		if i == 1 {
			newest = p
		}
	}
	wantServed(t, newStore(t, Options{Dir: dir}), "a.test", newest)
}

func TestIPAddress(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	first, ip := a.leaf(t, "a.test"), a.sub.issue(t, template{ips: []string{"127.0.0.1"}})
	write(t, dir, "1.pem", certPEM(first)+keyPEM(first), "2.pem", certPEM(ip)+keyPEM(ip))
	wantServed(t, newStore(t, Options{Dir: dir}), "", ip)
}

func TestServedChainVerifies(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	p := a.leaf(t, "a.test")
	write(t, dir, "leaf", certPEM(p), "key", keyPEM(p), "cas", certPEM(a.root, a.sub))
	roots := x509.NewCertPool()
	roots.AddCert(a.root.cert)
	chain, err := shake(t, newStore(t, Options{Dir: dir}), &tls.Config{ServerName: "a.test", RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	if len(chain) != 2 {
		t.Errorf("%d certificates were sent, want the leaf and the intermediate", len(chain))
	}
}

// With RSA beside ECDSA each client gets what it can use, and of those the one
// that is valid longest.
func TestRSABesideECDSA(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	rsaCert := a.sub.issue(t, template{names: []string{"a.test"}, key: rsaKey(), days: 70})
	ecShort, ecLong := a.sub.issue(t, template{names: []string{"a.test"}, days: 30}), a.sub.issue(t, template{names: []string{"a.test"}, days: 50})
	for i, p := range []*pair{ecShort, ecLong, rsaCert} {
		write(t, dir, fmt.Sprint(i), certPEM(p, a.sub)+keyPEM(p))
	}
	s := newStore(t, Options{Dir: dir, Primary: "a.test"})
	ecdsaOnly, rsaOnly := uint16(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), uint16(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	for _, tt := range []struct {
		name   string
		client *tls.Config
		want   *pair
	}{
		{"both", &tls.Config{ServerName: "a.test"}, rsaCert},
		{"ECDSA only", &tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{ecdsaOnly}}, ecLong},
		{"RSA only", &tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{rsaOnly}}, rsaCert},
		{"ECDSA only, no name", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{ecdsaOnly}}, ecLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chain, err := shake(t, s, tt.client)
			if err != nil {
				t.Fatal(err)
			}
			if !chain[0].Equal(tt.want.cert) {
				t.Errorf("got the %v one until %v", chain[0].PublicKeyAlgorithm, day(chain[0].NotAfter))
			}
		})
	}
}

// A pair that the config gives for a name is used although the certificate is
// for another, and although there are others to choose from.
func TestPairNeedNotNameItsHost(t *testing.T) {
	a := newAuthority(t, "one")
	dir, hand := t.TempDir(), t.TempDir()
	p, inFolder := a.leaf(t, "elsewhere.test"), a.leaf(t, "a.test")
	write(t, dir, "x", certPEM(inFolder)+keyPEM(inFolder))
	write(t, hand, "c", certPEM(p), "k", keyPEM(p), "chain", certPEM(a.root, a.sub))
	s := newStore(t, Options{Dir: dir, Pairs: []Pair{{
		Name: "a.test", Cert: filepath.Join(hand, "c"), Key: filepath.Join(hand, "k"), CA: []string{filepath.Join(hand, "chain")},
	}}})
	chain, err := shake(t, s, &tls.Config{ServerName: "a.test"})
	if err != nil {
		t.Fatal(err)
	}
	if !chain[0].Equal(p.cert) || len(chain) != 2 {
		t.Errorf("got %v and %d certificates", chain[0].DNSNames, len(chain))
	}
}

func TestNewStoreFaults(t *testing.T) {
	a := newAuthority(t, "one")
	p, q := a.leaf(t, "a.test"), a.leaf(t, "b.test")
	dir := t.TempDir()
	write(t, dir, "a.crt", certPEM(p), "a.key", keyPEM(p), "b.key", keyPEM(q), "text", "x", "half", certPEM(p)[:90],
		"encrypted", fixture(t, "encrypted-pkcs8.pem"))
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name string
		pair Pair
		file string
		want string
	}{
		{"no such key", Pair{Cert: at("a.crt"), Key: at("none")}, "none", "cannot be read: no such file or directory"},
		{"no such certificate", Pair{Cert: at("none"), Key: at("a.key")}, "none", "cannot be read: no such file or directory"},
		{"another's key", Pair{Cert: at("a.crt"), Key: at("b.key")}, "b.key", "the key does not belong to the certificate in " + at("a.crt") + ": they have different public keys"},
		{"the wrong way round", Pair{Cert: at("a.key"), Key: at("a.crt")}, "a.key", "there is no certificate in it"},
		{"no key in it", Pair{Cert: at("a.crt"), Key: at("text")}, "text", "there is no private key in it"},
		{"encrypted", Pair{Cert: at("a.crt"), Key: at("encrypted")}, "encrypted", textEncrypted},
		{"half", Pair{Cert: at("half"), Key: at("a.key")}, "half", textDamaged},
		{"chain without certificate", Pair{Cert: at("a.crt"), Key: at("a.key"), CA: []string{at("text")}}, "text", "there is no certificate in it"},
		{"name", Pair{Name: "a..b", Cert: at("a.crt"), Key: at("a.key")}, "", `"a..b" is not a host name`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewStore(Options{Pairs: []Pair{{Cert: at("a.crt"), Key: at("a.key")}, tt.pair}})
			fault, ok := errors.AsType[*PairError](err)
			if !ok {
				t.Fatalf("got %v, want a *PairError", err)
			}
			want := PairError{Index: 1, Text: tt.want}
			if tt.file != "" {
				want.File = at(tt.file)
			}
			if *fault != want {
				t.Errorf("got %+v, want %+v", *fault, want)
			}
		})
	}
}

func TestNewStoreTellsAllFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	_, err := NewStore(Options{Dir: dir, Primary: "a b", Pairs: []Pair{{Cert: "/absent/c", Key: "/absent/k"}}})
	want := strings.Join([]string{
		`primaryDomain: "a b" is not a host name`,
		"certificate folder " + dir + ": no such file or directory",
		"/absent/k: cannot be read: no such file or directory",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Fatalf("got\n%v\nwant\n%s", err, want)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("the faults cannot be told apart")
	}
}

func TestNoCertificates(t *testing.T) {
	dir := t.TempDir()
	log := new(lines)
	s := newStore(t, Options{Dir: dir, Log: log.logger()})
	wantLines(t, log, `level=WARN msg="no certificate that can be used: every TLS handshake fails until there is one" file=`+dir)
	_, err := shake(t, s, &tls.Config{ServerName: "a.test"})
	want := `no certificate for "a.test": this port has none, put a certificate and its key into ` + dir
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if got := s.Summary().String(); got != "no certificates" {
		t.Errorf("summary: %q", got)
	}
}

func TestPrimaryNotice(t *testing.T) {
	p := newAuthority(t, "one").leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "x", certPEM(p)+keyPEM(p))
	s := newStore(t, Options{Dir: dir, Primary: "źdźbło.pl"})
	want := `no certificate for primaryDomain "xn--dbo-iwa1zb.pl": clients that name no host get the one for a.test`
	if got := s.Notices(); !slices.ContainsFunc(got, func(n Notice) bool { return n.String() == want }) {
		t.Errorf("got %v, want %q among them", got, want)
	}
}

func TestSummary(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	p := a.leaf(t, "a.test", "*.a.test")
	write(t, dir, "1", certPEM(p, a.sub)+keyPEM(p))
	if got, want := newStore(t, Options{Dir: dir}).Summary().String(), "1 certificate (a.test, *.a.test)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	q := a.sub.issue(t, template{names: []string{"a.test", "b.test"}, ips: []string{"192.0.2.1"}, days: 10})
	write(t, dir, "2", certPEM(q, a.sub)+keyPEM(q))
	sum := newStore(t, Options{Dir: dir}).Summary()
	if got, want := sum.String(), "2 certificates (a.test, *.a.test, b.test, …)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !sum.Expires.Equal(q.cert.NotAfter) {
		t.Errorf("expires %v, want %v", sum.Expires, q.cert.NotAfter)
	}
}

func TestOptionsKey(t *testing.T) {
	base := func() *Options {
		return &Options{Dir: "d", Primary: "p", Pairs: []Pair{{Name: "n", Key: "k", Cert: "c", CA: []string{"x"}}}, LocalNames: []string{"b", "a"}}
	}
	same := base()
	same.LocalNames = []string{"a", "b"}
	if base().Key() != same.Key() {
		t.Error("the order of the local names makes a difference")
	}
	for name, change := range map[string]func(*Options){
		"dir":       func(o *Options) { o.Dir = "e" },
		"primary":   func(o *Options) { o.Primary = "q" },
		"pair name": func(o *Options) { o.Pairs[0].Name = "m" },
		"pair file": func(o *Options) { o.Pairs[0].CA = nil },
		"pair":      func(o *Options) { o.Pairs = nil },
		"local":     func(o *Options) { o.Local = &Authority{dir: "z"} },
		"names":     func(o *Options) { o.LocalNames = o.LocalNames[:1] },
	} {
		o := base()
		change(o)
		if o.Key() == base().Key() {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// The look-up of a name that one certificate is for makes no garbage.
func TestLookupAllocatesNothing(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	p := a.leaf(t, "a.test", "*.a.test")
	write(t, dir, "1", certPEM(p, a.sub)+keyPEM(p))
	s := newStore(t, Options{Dir: dir})
	for _, name := range []string{"a.test", "x.a.test", "a.b.c.unknown.test", ""} {
		hello := &tls.ClientHelloInfo{ServerName: name}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.GetCertificate(hello) }); n != 0 {
			t.Errorf("%q: %v allocations", name, n)
		}
	}
}

func BenchmarkGetCertificate(b *testing.B) {
	a := newAuthority(b, "one")
	dir := b.TempDir()
	p := a.leaf(b, "a.test", "*.a.test")
	write(b, dir, "1", certPEM(p, a.sub)+keyPEM(p))
	s := newStore(b, Options{Dir: dir})
	hello := &tls.ClientHelloInfo{ServerName: "x.a.test"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.GetCertificate(hello); err != nil {
			b.Fatal(err)
		}
	}
}

// Run notices by itself what the other tests have Rescan notice, and ends.
func TestRun(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	first, second := a.leaf(t, "a.test"), a.sub.issue(t, template{names: []string{"a.test"}, days: 80})
	write(t, dir, "c.pem", certPEM(first, a.sub), "k.pem", keyPEM(first))
	s := newStore(t, Options{Dir: dir, Interval: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	wantServed(t, s, "a.test", first)
	write(t, dir, "c.pem", certPEM(second, a.sub), "k.pem", keyPEM(second))
	deadline, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	for !served(t, s, "a.test").Equal(second.cert) {
		if deadline.Err() != nil {
			t.Fatal("never picked up")
		}
	}
	cancel()
	<-ended
}

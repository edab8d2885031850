package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var seedFlag = flag.Int64("seed", 0, "of the generated folders; 0 for a new one each time")

// world is what the folders of TestServedIsValid are made of.
type world struct {
	authorities []*authority
	roots       *x509.CertPool
	keys        []crypto.Signer
	names       []string
}

func newWorld(t *testing.T) *world {
	w := &world{
		roots: x509.NewCertPool(),
		names: []string{"a.test", "b.test", "*.test", "x.a.test", "*.a.test", "xn--dbo-iwa1zb.pl"},
	}
	for i := range 2 {
		a := newAuthority(t, fmt.Sprint("authority ", i))
		w.authorities = append(w.authorities, a)
		w.roots.AddCert(a.root.cert)
	}
	for range 5 {
		w.keys = append(w.keys, newKey(t))
	}
	w.keys = append(w.keys, rsaKey())
	return w
}

// folder is a generated folder: what was put into it as it is in the end.
type folder struct {
	*world
	dir   string
	rnd   *rand.Rand
	t     *testing.T
	files map[string]string
	certs []*pair // those that are somewhere in files
}

// change writes a few files: certificates with and without their keys and
// chains, in one file or in several, whole and broken, and removes others.
func (f *folder) change() {
	for range 1 + f.rnd.Intn(6) {
		switch f.rnd.Intn(10) {
		case 0:
			f.remove()
		case 1:
			f.put(f.name(), "no certificate\n")
		default:
			f.certificate()
		}
	}
}

func (f *folder) remove() {
	if names := slices.Sorted(maps.Keys(f.files)); len(names) > 0 {
		name := names[f.rnd.Intn(len(names))]
		delete(f.files, name)
		remove(f.t, f.dir, name)
	}
}

func (f *folder) certificate() {
	a := f.authorities[f.rnd.Intn(len(f.authorities))]
	tmpl := template{key: f.keys[f.rnd.Intn(len(f.keys))], days: 20 + f.rnd.Intn(60)}
	for range 1 + f.rnd.Intn(3) {
		tmpl.names = append(tmpl.names, f.names[f.rnd.Intn(len(f.names))])
	}
	switch f.rnd.Intn(8) {
	case 0:
		tmpl.days = -1 // expired
	case 1:
		tmpl.from = 1 // not yet valid
	case 2:
		tmpl.usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	p := a.sub.issue(f.t, tmpl)
	f.certs = append(f.certs, p)
	parts := []string{certPEM(p)}
	if f.rnd.Intn(4) > 0 {
		parts = append(parts, keyPEM(p))
	}
	switch f.rnd.Intn(3) {
	case 0:
		parts = append(parts, certPEM(a.sub))
	case 1:
		parts = append(parts, certPEM(a.root, a.sub))
	}
	f.rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if f.rnd.Intn(2) == 0 {
		parts = []string{strings.Join(parts, "")}
	}
	for _, content := range parts {
		switch f.rnd.Intn(12) {
		case 0:
			content = content[:f.rnd.Intn(len(content))]
		case 1:
			content = strings.Replace(content, "M", "!", 1)
		}
		f.put(f.name(), content)
	}
}

// name is one of a few, so that files are overwritten now and then.
func (f *folder) name() string {
	return filepath.Join([]string{"", "live", "live/deep"}[f.rnd.Intn(3)], fmt.Sprint(f.rnd.Intn(25), ".pem"))
}

func (f *folder) put(name, content string) {
	f.files[name] = content
	path := filepath.Join(f.dir, name)
	if f.rnd.Intn(2) == 0 { // in place, or in one step
		write(f.t, f.dir, name, content)
		return
	}
	write(f.t, f.dir, name+".new", content)
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}

// has tells whether some file has all of content.
func (f *folder) has(content string) bool {
	for _, text := range f.files {
		if strings.Contains(text, content) {
			return true
		}
	}
	return false
}

// valid tells whether a client would take p for name: it has both certificate
// and key, in whatever files.
func (f *folder) valid(p *pair, name string, chained bool) bool {
	if !f.has(certPEM(p)) || !f.has(keyPEM(p)) {
		return false
	}
	opts := x509.VerifyOptions{DNSName: name, Roots: f.roots, Intermediates: x509.NewCertPool()}
	for _, a := range f.authorities {
		if !chained || f.has(certPEM(a.sub)) {
			opts.Intermediates.AddCert(a.sub.cert)
		}
	}
	_, err := p.cert.Verify(opts)
	return err == nil
}

// Whatever lies in a folder, in whatever state: a client that asks for a name
// gets a certificate that is valid for it, if there is one, with the chain, if
// that is there.
func TestServedIsValid(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("to do the same again: -seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	w := newWorld(t)
	served := 0
	for i := range 60 {
		f := &folder{world: w, dir: t.TempDir(), rnd: rnd, t: t, files: make(map[string]string)}
		f.change()
		s := newStore(t, Options{Dir: f.dir})
		for step := range 4 {
			served += f.check(s, fmt.Sprintf("folder %d, step %d", i, step))
			f.change()
			settle(s)
		}
	}
	if served < 100 {
		t.Errorf("only %d names had a certificate: this tests next to nothing", served)
	}
}

// check looks at what s serves for every name, and gives for how many there is
// a valid certificate.
func (f *folder) check(s *Store, where string) (served int) {
	for _, name := range []string{"a.test", "b.test", "c.test", "x.a.test", "y.a.test", "xn--dbo-iwa1zb.pl"} {
		exists, chained := false, false
		for _, p := range f.certs {
			exists = exists || f.valid(p, name, false)
			chained = chained || f.valid(p, name, true)
		}
		if !exists {
			continue
		}
		served++
		c, err := s.GetCertificate(&tls.ClientHelloInfo{
			ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256},
			SupportedCurves:  []tls.CurveID{tls.X25519, tls.CurveP256}, SupportedPoints: []uint8{0},
		})
		if err != nil {
			f.t.Fatalf("%s: %s: %v", where, name, err)
		}
		f.judge(c, name, where, chained)
	}
	return served
}

// judge verifies what is served for name as a client does.
func (f *folder) judge(c *tls.Certificate, name, where string, chained bool) {
	opts := x509.VerifyOptions{DNSName: name, Roots: f.roots, Intermediates: x509.NewCertPool()}
	for _, der := range c.Certificate[1:] {
		opts.Intermediates.AddCert(must(x509.ParseCertificate(der)))
	}
	if !chained { // then clients have to know the intermediates
		for _, a := range f.authorities {
			opts.Intermediates.AddCert(a.sub.cert)
		}
	}
	if _, err := c.Leaf.Verify(opts); err != nil {
		f.t.Errorf("%s: %s is served %v until %v: %v", where, name, c.Leaf.DNSNames, c.Leaf.NotAfter, err)
	}
	if !c.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(c.PrivateKey.(crypto.Signer).Public()) {
		f.t.Errorf("%s: %s is served a certificate with another's key", where, name)
	}
}

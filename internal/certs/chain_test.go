package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChain(t *testing.T) {
	a, other := newAuthority(t, "one"), newAuthority(t, "two")
	leaf := a.leaf(t, "a.test")
	impostor := newAuthority(t, "one") // the same names, other keys
	forged := impostor.root.issue(t, template{cn: "one sub", ca: true, keyID: a.sub.cert.SubjectKeyId})
	// Two intermediates with one name and key: the old one has expired, the
	// cross-signed one leads to another root.
	subKey := func(p *pair, by *pair, days int) *pair {
		return by.issue(t, template{cn: "one sub", ca: true, days: days, key: p.key, keyID: p.cert.SubjectKeyId})
	}
	expired := subKey(a.sub, a.root, -1)
	crossed := subKey(a.sub, other.root, 3000)
	for _, tt := range []struct {
		name    string
		pool    []*pair
		near    []*pair
		want    string
		missing bool
	}{
		{name: "complete", pool: []*pair{a.root, a.sub}, want: "one sub/one root"},
		{name: "no root", pool: []*pair{a.sub}, want: "one sub/one root", missing: true},
		{name: "nothing", missing: true},
		{name: "impostor's", pool: []*pair{impostor.sub, impostor.root}, missing: true},
		{name: "impostor's with a copied key identifier", pool: []*pair{forged, a.root}, missing: true},
		{name: "impostor's beside", pool: []*pair{impostor.sub, impostor.root, a.sub, a.root}, want: "one sub/one root"},
		{name: "expired beside", pool: []*pair{expired, a.sub, a.root}, want: "one sub/one root"},
		{name: "only expired", pool: []*pair{expired, a.root}, missing: true},
		{name: "longest first", pool: []*pair{a.sub, crossed, a.root, other.root}, want: "one sub/two root"},
		{name: "near first", pool: []*pair{crossed, a.sub, a.root, other.root}, near: []*pair{a.sub}, want: "one sub/one root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			is := newIssuers()
			for _, p := range tt.pool {
				is.add(p.cert)
			}
			var near []*x509.Certificate
			for _, p := range tt.near {
				near = append(near, p.cert)
			}
			chain, complete := is.chain(leaf.cert, near, time.Now())
			var got []string
			for _, c := range chain {
				got = append(got, c.Subject.CommonName+"/"+c.Issuer.CommonName)
			}
			if strings.Join(got, " ") != tt.want || complete == tt.missing {
				t.Errorf("got %q, complete %v", got, complete)
			}
		})
	}
}

// Authorities may sign each other.
func TestChainInACircle(t *testing.T) {
	var none *pair
	k1, k2 := newKey(t), newKey(t)
	one := none.issue(t, template{cn: "one", ca: true, key: k1})
	two := one.issue(t, template{cn: "two", ca: true, key: k2})
	oneByTwo := two.issue(t, template{cn: "one", ca: true, key: k1, keyID: one.cert.SubjectKeyId})
	leaf := two.issue(t, template{names: []string{"a.test"}})
	is := newIssuers()
	is.add(two.cert)
	is.add(oneByTwo.cert)
	chain, complete := is.chain(leaf.cert, nil, time.Now())
	if len(chain) != 2 || complete {
		t.Errorf("got %d issuers, complete %v", len(chain), complete)
	}
}

func TestMissingIssuer(t *testing.T) {
	a := newAuthority(t, "one")
	p := a.leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "c.pem", certPEM(p)+keyPEM(p))
	l := list(dir)
	f := l.scan(time.Now(), &systemRoots{pool: x509.NewCertPool()})
	want := `c.pem: certificate for a.test: the certificate of its issuer "one sub" was not found, many clients will refuse it; put it into the folder`
	if got := noticeLines(f); !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	// A root the machine trusts has to be in no folder.
	pool := x509.NewCertPool()
	pool.AddCert(a.sub.cert)
	if f := l.scan(time.Now(), &systemRoots{pool: pool}); len(f.Notices) > 0 || f.Certificates[0].Missing != "" {
		t.Errorf("with the issuer trusted: %q", noticeLines(f))
	}
}

// A chain that is cut further up than at the leaf can only be told from one
// whose root is private by what the machine trusts, and by the receipts that
// certificates of public authorities have in them.
func TestCutChain(t *testing.T) {
	a, other := newAuthority(t, "one"), newAuthority(t, "two")
	inner := a.sub.issue(t, template{cn: "one inner", ca: true})
	public := []pkix.Extension{{Id: sctList, Value: []byte{4, 0}}}
	trusted := func(p ...*pair) *x509.CertPool {
		pool := x509.NewCertPool()
		for _, p := range p {
			pool.AddCert(p.cert)
		}
		return pool
	}
	const (
		cut    = `c.pem: certificate for a.test: its chain is cut short, the certificate of "one sub" was not found, many clients will refuse it; put it into the folder`
		maybe  = `(minor) c.pem: certificate for a.test: its chain ends at "one %s", which this machine does not know: unless that is the root of a private authority, its certificate is missing here`
		absent = `c.pem: certificate for a.test: the certificate of its issuer "one inner" was not found, many clients will refuse it; put it into the folder`
	)
	for _, tt := range []struct {
		name  string
		extra []pkix.Extension
		chain []*pair
		roots *x509.CertPool
		want  string
	}{
		{"whole", public, []*pair{inner, a.sub}, trusted(a.root), ""},
		{"cut", public, []*pair{inner}, trusted(a.root), cut},
		{"cut, the rest in the folder's other files", public, []*pair{inner, a.root, a.sub}, trusted(other.root), ""},
		{"cut, no receipt", nil, []*pair{inner}, trusted(other.root), fmt.Sprintf(maybe, "sub")},
		{"private", nil, []*pair{inner, a.sub}, trusted(other.root), fmt.Sprintf(maybe, "root")},
		{"private, its root in the folder", nil, []*pair{inner, a.sub, a.root}, trusted(other.root), ""},
		{"the machine trusts an intermediate", public, []*pair{inner}, trusted(a.sub), ""},
		{"the machine trusts nobody", public, []*pair{inner}, trusted(), ""},
		{"nothing", public, nil, trusted(a.root), absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			p := inner.issue(t, template{names: []string{"a.test"}, extra: tt.extra})
			write(t, dir, "c.pem", certPEM(p)+keyPEM(p), "chain.pem", certPEM(tt.chain...))
			f := list(dir).scan(time.Now(), &systemRoots{pool: tt.roots})
			if got := strings.Join(noticeLines(f), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

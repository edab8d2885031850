package certs

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"
)

// maxChain bounds the issuers of one certificate; real chains have one to
// three.
const maxChain = 8

// issuers is the certificates of authorities that chains are made of.
type issuers struct {
	bySubject map[string][]*x509.Certificate
	verified  map[signedBy]bool // signatures are checked once, they are what costs
}

type signedBy struct{ child, issuer *x509.Certificate }

func newIssuers() *issuers {
	return &issuers{make(map[string][]*x509.Certificate), make(map[signedBy]bool)}
}

// add takes cert in, unless it is known already.
func (is *issuers) add(cert *x509.Certificate) {
	subject := string(cert.RawSubject)
	if !slices.ContainsFunc(is.bySubject[subject], cert.Equal) {
		is.bySubject[subject] = append(is.bySubject[subject], cert)
	}
}

// chain gives the issuers of leaf, nearest first, without the root; complete
// tells whether the root they lead to is known here. Issuers in near, which
// lay in the same file as the leaf, are taken before others: that is the chain
// the authority meant.
func (is *issuers) chain(leaf *x509.Certificate, near []*x509.Certificate, now time.Time) (chain []*x509.Certificate, complete bool) {
	for cert := leaf; len(chain) < maxChain; {
		if selfIssued(cert) {
			return chain, true
		}
		issuer := is.issuerOf(cert, near, now)
		if issuer == nil {
			return chain, false
		}
		if selfIssued(issuer) {
			return chain, true
		}
		if slices.Contains(chain, issuer) {
			break // authorities that signed each other
		}
		chain = append(chain, issuer)
		cert = issuer
	}
	return chain, false
}

// issuerOf finds the certificate that signed child: by the subject and the key
// identifiers, and proved by the signature. Of several, those near come first,
// then roots, then the ones that are valid longest.
func (is *issuers) issuerOf(child *x509.Certificate, near []*x509.Certificate, now time.Time) *x509.Certificate {
	var candidates []*x509.Certificate
	for _, c := range is.bySubject[string(child.RawIssuer)] {
		if keyIDsAgree(child, c) && !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
			candidates = append(candidates, c)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *x509.Certificate) int {
		if x, y := slices.ContainsFunc(near, a.Equal), slices.ContainsFunc(near, b.Equal); x != y {
			return trueFirst(x)
		}
		if x, y := selfIssued(a), selfIssued(b); x != y {
			return trueFirst(x)
		}
		return b.NotAfter.Compare(a.NotAfter)
	})
	for _, c := range candidates {
		if is.verify(child, c) {
			return c
		}
	}
	return nil
}

func (is *issuers) verify(child, issuer *x509.Certificate) bool {
	l := signedBy{child, issuer}
	ok, known := is.verified[l]
	if !known {
		ok = child.CheckSignatureFrom(issuer) == nil
		is.verified[l] = ok
	}
	return ok
}

func trueFirst(first bool) int {
	if first {
		return -1
	}
	return 1
}

// keyIDsAgree tells whether the key that signed child may be issuer's. Both
// identifiers are optional (RFC 5280, sections 4.2.1.1 and 4.2.1.2).
func keyIDsAgree(child, issuer *x509.Certificate) bool {
	return len(child.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 ||
		bytes.Equal(child.AuthorityKeyId, issuer.SubjectKeyId)
}

// selfIssued tells roots and self-signed certificates by their names and key
// identifiers. The signature is left alone: that of many a good root is SHA-1,
// which is no longer checked by anyone.
func selfIssued(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawSubject, cert.RawIssuer) && keyIDsAgree(cert, cert)
}

// sctList is the extension with the receipts of public logs (RFC 6962, section
// 3.3).
var sctList = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// logged tells whether cert is from an authority that browsers trust: nobody
// else's certificates are taken by the logs, and browsers want to see that.
func logged(cert *x509.Certificate) bool {
	return slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(sctList) })
}

// systemRoots knows which certificates the machine trusts. The pool is read
// when it is needed first: most folders name every issuer.
type systemRoots struct {
	pool  *x509.CertPool // nil until needed; stays empty where there is none
	known map[*x509.Certificate]bool
}

// load reads the pool if that has not been done.
func (r *systemRoots) load() {
	if r.pool != nil {
		return
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	r.pool = pool
}

// empty tells whether the machine trusts nobody, as in a bare container: then
// it cannot be asked.
func (r *systemRoots) empty() bool {
	r.load()
	return r.pool.Equal(x509.NewCertPool())
}

// trust tells whether cert was signed by one of the machine's roots.
func (r *systemRoots) trust(cert *x509.Certificate, now time.Time) bool {
	if ok, seen := r.known[cert]; seen {
		return ok
	}
	r.load()
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: r.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if r.known == nil {
		r.known = make(map[*x509.Certificate]bool)
	}
	r.known[cert] = err == nil
	return err == nil
}

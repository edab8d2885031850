package certs

import (
	"crypto/x509"
	"fmt"
	"time"
)

// Pair is a certificate whose files are named by hand.
type Pair struct {
	Name string   // the name or "*.name" it is for; "" for a port's own pair
	Key  string   // file
	Cert string   // file; may hold the chain as well, in any order
	CA   []string // files with further certificates of the chain
}

const textNoCert = "there is no certificate in it"

// files is every file the pair is made of.
func (p *Pair) files() []string { return append([]string{p.Key, p.Cert}, p.CA...) }

// PairError tells what is wrong with one of Options.Pairs.
type PairError struct {
	Index int    // which pair
	File  string // which of its files; "" when the Name is at fault
	Text  string // what is wrong and what to do
}

// Error gives "file: text".
func (e *PairError) Error() string { return Notice{File: e.File, Text: e.Text}.String() }

// load reads the pair. An expired certificate is loaded too: whoever names it
// by hand wants it served, and a notice says what is wrong.
func (p *Pair) load(now time.Time) (*Certificate, *PairError) {
	keys, err := readPart(p.Key)
	if err != nil {
		return nil, err
	}
	certs, err := readPart(p.Cert)
	if err != nil {
		return nil, err
	}
	if len(certs.certs) == 0 {
		return nil, &PairError{File: p.Cert, Text: textNoCert}
	}
	if len(keys.keys) == 0 {
		return nil, &PairError{File: p.Key, Text: "there is no private key in it"}
	}
	leaf, k := match(certs.certs, keys.keys)
	if leaf == nil {
		return nil, &PairError{File: p.Key, Text: fmt.Sprintf("the key does not belong to the certificate in %s: they have different public keys", p.Cert)}
	}
	given := certs.certs
	for _, file := range p.CA {
		ca, err := readPart(file)
		if err != nil {
			return nil, err
		}
		if len(ca.certs) == 0 {
			return nil, &PairError{File: file, Text: textNoCert}
		}
		given = append(given, ca.certs...)
	}
	c := &Certificate{Leaf: leaf, Files: []string{p.Cert}, KeyFiles: []string{p.Key}}
	c.Names, c.IPs = sanNames(leaf)
	is := newIssuers()
	for _, cert := range given {
		is.add(cert)
	}
	c.Issuers, _ = is.chain(leaf, given, now)
	c.issuer = is.issuerOf(leaf, given, now)
	c.prepare(k)
	return c, nil
}

// readPart reads one file of the pair. Anything damaged in it is an error: it
// may be half written, and what is served now is better then.
func readPart(file string) (*contents, *PairError) {
	data, err := readBounded(file)
	if err != nil {
		return nil, &PairError{File: file, Text: "cannot be read: " + reason(err)}
	}
	c := classify(data)
	if len(c.problems) > 0 {
		return nil, &PairError{File: file, Text: c.problems[0]}
	}
	return c, nil
}

// match finds the certificate that one of the keys belongs to.
func match(certs []*x509.Certificate, keys []*key) (*x509.Certificate, *key) {
	for _, cert := range certs {
		id := publicID(cert.PublicKey)
		for _, k := range keys {
			if k.id == id {
				return cert, k
			}
		}
	}
	return nil, nil
}

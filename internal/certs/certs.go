// Package certs finds the certificate for a TLS handshake.
//
// A Store serves one port. It takes certificates from a folder, which it
// recognises by content and watches, from pairs of files named by hand, and
// from a certificate authority of its own (Authority) for trying things out:
//
//	store, err := certs.NewStore(certs.Options{Dir: "/etc/http-master/certs", Log: log})
//	go store.Run(ctx)
//	config := &tls.Config{GetCertificate: store.GetCertificate}
//
// ScanDir tells what a folder holds without serving it.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Certificate is one server certificate, found in a folder or named by hand.
// What is exported does not change once it has been handed out.
type Certificate struct {
	Leaf     *x509.Certificate
	Names    []string            // DNS names of its SANs, lower case, "*.a.com" among them
	IPs      []netip.Addr        // addresses of its SANs
	Files    []string            // where it was found
	KeyFiles []string            // where its key was found; empty when it was not
	Issuers  []*x509.Certificate // what is sent after the leaf, in that order; never a root
	Missing  string              // the issuer whose certificate is needed and nowhere to be found, "" for none
	Ends     string              // the issuer that the chain ends at, when neither the folder nor this machine knows it
	Problem  string              // why it is not served, "" when it is
	Replaced bool                // it is expired, and others serve all of its names

	// Serves are the names that clients get it for: those that no other
	// certificate with the same kind of key has for longer. ScanDir fills it in.
	Serves []string

	served atomic.Pointer[tls.Certificate] // nil unless Problem is ""; replaced when its staple is
	issuer *x509.Certificate               // who signed the leaf, nil where that was not found
	whole  bool                            // the chain leads to a root that is known here
}

// Usable tells whether the certificate can be served.
func (c *Certificate) Usable() bool { return c.Problem == "" }

// Title names the certificate for people: its first names, or what stands in
// for them.
func (c *Certificate) Title() string {
	switch names := c.all(); {
	case len(names) > 0:
		return shorten(names)
	case c.Leaf.Subject.CommonName != "":
		return fmt.Sprintf("%q", c.Leaf.Subject.CommonName)
	}
	return "no name"
}

// SelfSigned tells whether the certificate has no issuer but itself.
func (c *Certificate) SelfSigned() bool { return selfIssued(c.Leaf) }

// all gives the names and the addresses.
func (c *Certificate) all() []string {
	names := slices.Clone(c.Names)
	for _, ip := range c.IPs {
		names = append(names, ip.String())
	}
	return names
}

// expired tells whether the certificate is past its end at now.
func (c *Certificate) expired(now time.Time) bool { return now.After(c.Leaf.NotAfter) }

// chained tells whether no issuer is missing.
func (c *Certificate) chained() bool { return c.Missing == "" }

// lifetime is how long the certificate is valid from its beginning to its end.
func (c *Certificate) lifetime() time.Duration { return c.Leaf.NotAfter.Sub(c.Leaf.NotBefore) }

// prepare makes the form that crypto/tls wants, so that a handshake makes
// nothing.
func (c *Certificate) prepare(k *key) {
	chain := [][]byte{c.Leaf.Raw}
	for _, issuer := range c.Issuers {
		chain = append(chain, issuer.Raw)
	}
	c.served.Store(&tls.Certificate{Certificate: chain, PrivateKey: k.signer, Leaf: c.Leaf})
}

// Notice is something an operator should know about a folder or a pair.
type Notice struct {
	File  string // "" when it is about the whole
	Text  string
	Minor bool // worth a line, but nothing has to be mended
}

// String gives "file: text".
func (n Notice) String() string {
	if n.File == "" {
		return n.Text
	}
	return n.File + ": " + n.Text
}

// shorten lists at most three names.
func shorten(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// day is how a date is written everywhere in this package, in UTC.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

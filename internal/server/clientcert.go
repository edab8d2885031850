package server

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"httpmaster/config"
	"httpmaster/internal/certs"
)

// clientAuth is what a port asks of its clients' certificates. A nil one asks
// for none.
type clientAuth struct {
	required bool
	roots    []*x509.Certificate
}

// clientAuth reads the file of authorities. Without it there is a fault, and
// the config is never served.
func (b *builder) clientAuth(auth *config.ClientAuth) *clientAuth {
	if auth == nil {
		return nil
	}
	roots, err := certs.LoadCAs(b.cfg.Resolve(auth.CA.Value))
	if err != nil {
		b.faults.Errorf(auth.CA.Pos, "clientAuth: %v", err)
	}
	return &clientAuth{required: auth.Require, roots: roots}
}

// set makes handshakes ask for what a wants and verify it.
func (a *clientAuth) set(c *tls.Config) {
	if a == nil {
		return
	}
	c.ClientCAs = x509.NewCertPool()
	for _, root := range a.roots {
		c.ClientCAs.AddCert(root)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if a.requires() {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
}

// key is equal for ports that ask the same of their clients.
func (a *clientAuth) key() string {
	if a == nil {
		return ""
	}
	h := sha256.New()
	for _, root := range a.roots {
		h.Write(root.Raw) // is DER, which says itself how long it is
	}
	return fmt.Sprintf("%t %s", a.required, hex.EncodeToString(h.Sum(nil)))
}

// requires tells whether a client without a certificate is turned away.
func (a *clientAuth) requires() bool { return a != nil && a.required }

// verified gives the certificate of the client, nil if it has shown none, and
// whether the request may go on. The handshake verified the certificate by the
// config that was served then; here it must hold by the one of now: a
// connection lives longer than a config, and may outlive the certificate.
func (a *clientAuth) verified(state *tls.ConnectionState, now time.Time) (cert *x509.Certificate, ok bool) {
	switch {
	case a == nil:
		return nil, true
	case len(state.VerifiedChains) == 0:
		return nil, !a.requires()
	}
	for _, chain := range state.VerifiedChains {
		if slices.ContainsFunc(a.roots, chain[len(chain)-1].Equal) && !now.After(chain[0].NotAfter) {
			return chain[0], true
		}
	}
	return nil, false
}

package certs

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	localhost     = "localhost"
	clockSkew     = time.Hour // by which a client's clock may be behind
	leafLife      = 90 * 24 * time.Hour
	leafRenew     = 30 * 24 * time.Hour // before the end
	maxIssued     = 500                 // kept at a time; *.localhost has no end of names
	maxCommonName = 64                  // RFC 5280, appendix A.1
)

// subject is what a certificate is issued for: a name or an address.
type subject struct {
	name string
	ip   netip.Addr
}

type issued struct {
	cert    *tls.Certificate
	renewAt time.Time
}

// forName gives a certificate for name, which the caller has found worthy of
// one. The one for localhost is for 127.0.0.1 and ::1 as well.
func (a *Authority) forName(name string) (*tls.Certificate, error) {
	return a.leaf(subject{name: name})
}

// forIP gives a certificate for one of the machine's addresses.
func (a *Authority) forIP(ip netip.Addr) (*tls.Certificate, error) {
	if ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || ip == netip.IPv6Loopback() {
		return a.forName(localhost)
	}
	return a.leaf(subject{ip: ip})
}

func (a *Authority) leaf(s subject) (*tls.Certificate, error) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if have := a.issued[s]; have != nil && now.Before(have.renewAt) {
		return have.cert, nil
	}
	cert, err := a.issue(s, now)
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	if len(a.issued) >= maxIssued {
		for old := range a.issued {
			delete(a.issued, old) // any: another is made in no time
			break
		}
	}
	a.issued[s] = &issued{cert, cert.Leaf.NotAfter.Add(-leafRenew)}
	return cert, nil
}

func (a *Authority) issue(s subject, now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch {
	case s.ip.IsValid():
		template.Subject.CommonName = s.ip.String()
		template.IPAddresses = []net.IP{s.ip.AsSlice()}
	case s.name == localhost:
		template.Subject.CommonName = localhost
		template.DNSNames = []string{localhost}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	default:
		template.Subject = pkix.Name{CommonName: s.name[:min(len(s.name), maxCommonName)]}
		template.DNSNames = []string{s.name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, a.key.Public(), a.sign)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key, Leaf: leaf}, nil
}

package certs

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// hostName brings a name that a user wrote into the form that names are
// compared in: lower case, no final dot, punycode. A leading "*." is kept.
func hostName(written string) (string, error) {
	name, wild := strings.CutPrefix(strings.TrimSuffix(written, "."), "*.")
	name = strings.ToLower(name)
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("%q is not a host name", written)
		}
		name = ascii
	}
	if !validName(name) {
		return "", fmt.Errorf("%q is not a host name", written)
	}
	if wild {
		name = "*." + name
	}
	return name, nil
}

// validName tells whether name can be a host's: labels of letters, digits,
// "-" and, as some have it, "_".
func validName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// sanNames gives the names and addresses a certificate is for. Those that no
// client could ask for are left out, the common name is not looked at, as no
// client does either (RFC 9525, section 2).
func sanNames(cert *x509.Certificate) (names []string, ips []netip.Addr) {
	for _, san := range cert.DNSNames {
		name, err := hostName(san)
		if err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, san := range cert.IPAddresses {
		ip, ok := netip.AddrFromSlice(san)
		if ip = ip.Unmap(); ok && !slices.Contains(ips, ip) {
			ips = append(ips, ip)
		}
	}
	return names, ips
}

// parent is what follows the first label, "" for a single label.
func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// sentName is the name a client asked for, as names are compared. It
// allocates only for a name with capitals in it.
func sentName(sni string) string { return strings.ToLower(strings.TrimSuffix(sni, ".")) }

// localIP is the address a connection arrived on: a client that wants an
// address sends no name (RFC 6066, section 3).
func localIP(conn net.Conn) netip.Addr {
	if conn == nil {
		return netip.Addr{}
	}
	tcp, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

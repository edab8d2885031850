package certs

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// nowhere are the top-level domains that nobody can own a name in (RFC 6761,
// RFC 6762, RFC 7686, RFC 8375, and those that ICANN keeps for private use or
// will never delegate).
var nowhere = []string{
	"localhost", "local", "internal", "test", "example", "invalid", "onion", "home.arpa",
	"lan", "home", "corp", "mail", "intranet", "private", "localdomain",
}

// PublicName brings a host that a user wrote into the form that SetNames takes.
// Its error says why an authority would give no certificate for it. With a
// private authority (ACMESettings.Server) names that are public nowhere are as
// good as any.
func PublicName(written string, private bool) (string, error) {
	if _, err := netip.ParseAddr(strings.Trim(written, "[]")); err == nil {
		return "", errors.New("addresses get no certificate")
	}
	if strings.Contains(written, "*") {
		return "", errors.New("wildcard certificates need the DNS challenge, which http-master does not do; put one into certDir")
	}
	name, err := hostName(written)
	if err != nil {
		return "", err
	}
	if ascii, err := idna.Lookup.ToASCII(name); err != nil || ascii != name {
		return "", errors.New("it is not a valid DNS name")
	}
	if !strings.Contains(name, ".") {
		return "", errors.New("a name without a dot is none that others can look up")
	}
	if name == localhost || strings.HasSuffix(name, "."+localhost) ||
		!private && slices.ContainsFunc(nowhere, func(top string) bool { return strings.HasSuffix(name, "."+top) }) {
		return "", errors.New("it is not a name in the public DNS")
	}
	return name, nil
}

package certs

import (
	"net/netip"
	"strings"
)

// Has tells whether there is a certificate for host, a canonical name or an IP
// address without brackets: one that says so itself, that the config names for
// it, or that the local authority issues. A certificate that merely stands in
// does not count.
func (s *Store) Has(host string) bool {
	x := s.current.Load()
	if ip, err := netip.ParseAddr(host); err == nil {
		return s.local != nil || len(x.ips[ip.Unmap()]) > 0
	}
	return x.has(host) || s.local != nil && (s.localNames[host] || strings.HasSuffix(host, "."+localhost))
}

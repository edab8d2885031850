package middleware

import (
	"net/http"
	"net/netip"
	"sync/atomic"

	"httpmaster/router"
)

// AddressFilter lets requests through by their client's address: with Deny
// those whose address is in none of Prefixes, otherwise those whose address is
// in one. The others get 403. An IPv4 address counts as the same however it is
// written, and the zone of an IPv6 address is no part of it.
//
// Who comes by a Unix socket, without an address, is in no prefix.
type AddressFilter struct {
	Deny     bool
	Prefixes []netip.Prefix
	Refuse   Refuse
	Next     router.Handler

	Refused *atomic.Int64 // counts the requests answered with 403; nil for nobody
}

// Serve passes the request on or refuses it.
func (f *AddressFilter) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if f.listed(m.Client) == f.Deny {
		if f.Refused != nil {
			f.Refused.Add(1)
		}
		f.Refuse(w, r, http.StatusForbidden, "your address is not allowed here")
		return
	}
	f.Next.Serve(w, r, m)
}

func (f *AddressFilter) listed(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	for _, prefix := range f.Prefixes {
		if unmapped(prefix).Contains(client) {
			return true
		}
	}
	return false
}

// unmapped writes ::ffff:10.0.0.0/104 as 10.0.0.0/8, since a mapped prefix
// contains no address at all.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

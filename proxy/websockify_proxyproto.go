package proxy

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// proxyHeader is a PROXY protocol header, version "v1" or "v2", which tells the
// target where a tunnel's client and the server's end of its connection are. A
// client without an address, as on a Unix socket, is UNKNOWN in v1 and LOCAL in
// v2, which make the target use the connection's own addresses.
func proxyHeader(version string, client, server netip.AddrPort) []byte {
	known := client.IsValid() && server.IsValid()
	from, to := client.Addr().Unmap(), server.Addr().Unmap()
	if known && from.Is4() != to.Is4() {
		// Both must be of one family.
		from, to = netip.AddrFrom16(from.As16()), netip.AddrFrom16(to.As16())
	}
	if version == "v1" {
		return proxyHeaderV1(known, from, to, client.Port(), server.Port())
	}
	return proxyHeaderV2(known, from, to, client.Port(), server.Port())
}

func proxyHeaderV1(known bool, from, to netip.Addr, fromPort, toPort uint16) []byte {
	if !known {
		return []byte("PROXY UNKNOWN\r\n")
	}
	family := "TCP6"
	if from.Is4() {
		family = "TCP4"
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, from.WithZone(""), to.WithZone(""), fromPort, toPort)
}

func proxyHeaderV2(known bool, from, to netip.Addr, fromPort, toPort uint16) []byte {
	const (
		signature = "\r\n\r\n\x00\r\nQUIT\n"
		local     = 0x20
		proxied   = 0x21
		tcp4      = 0x11
		tcp6      = 0x21
	)
	b := []byte(signature)
	if !known {
		return append(b, local, 0, 0, 0)
	}
	family := byte(tcp6)
	if from.Is4() {
		family = tcp4
	}
	b = append(b, proxied, family)
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(from.AsSlice())+4))
	b = append(b, from.AsSlice()...)
	b = append(b, to.AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, fromPort)
	return binary.BigEndian.AppendUint16(b, toPort)
}

// serverAddress is our end of the client's connection.
func serverAddress(r *http.Request) netip.AddrPort {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if local, err := netip.ParseAddrPort(addr.String()); err == nil {
			return local
		}
	}
	return netip.AddrPort{}
}

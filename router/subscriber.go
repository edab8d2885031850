package router

import "net/netip"

// Subscriber is what is counted as one client where clients are counted: an
// IPv4 address, or the first address of an IPv6 network of 64 bits, which is
// what one subscriber has. It is the zero Addr for a client without an address,
// as on a Unix socket.
func Subscriber(client netip.Addr) netip.Addr {
	client = client.Unmap()
	if !client.Is6() {
		return client
	}
	network, _ := client.WithZone("").Prefix(64)
	return network.Addr()
}

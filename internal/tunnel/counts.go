package tunnel

import (
	"fmt"
	"net/netip"
	"sync"
)

// Holder is whom an open tunnel counts for.
type Holder struct {
	Route   string     // the same under every config that has the route
	User    string     // "" for nobody, who is held to no limit of a user
	Address netip.Addr // of the client; one without an address is held to no limit of an address
}

// Most is how many tunnels of one route may be open at once; 0 is no limit.
type Most struct {
	Route   int // in all
	User    int // of one user
	Address int // of one client, an IPv4 address or an IPv6 network of 64 bits
}

// Counts knows how many tunnels are open for whom. It outlives configs, for so
// do tunnels. The zero value is ready to use.
type Counts struct {
	mu   sync.Mutex
	open map[Holder]int // what does not count in a line is left out of its key
}

// FullError says which limit of a route is reached.
type FullError struct {
	Of   string // "route", "user" or "address"
	Most int
	Who  string // the user or address, "" for a route
}

func (e *FullError) Error() string {
	switch e.Of {
	case "user":
		return fmt.Sprintf("all %d tunnels that maxTunnels.user allows are open for %q", e.Most, e.Who)
	case "address":
		return fmt.Sprintf("all %d tunnels that maxTunnels.address allows are open from %s", e.Most, e.Who)
	}
	return fmt.Sprintf("all %d tunnels that maxTunnels allows are open", e.Most)
}

// Take counts a tunnel of h until release is called, once, or gives the
// *FullError for a limit that it would exceed. Every tunnel has to be counted,
// those without a limit too: a later config may set one.
func (c *Counts) Take(h Holder, most Most) (release func(), err error) {
	lines := h.lines()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lines {
		if limit := l.limit(most); limit > 0 && c.open[l.key] >= limit {
			return nil, &FullError{Of: l.of, Most: limit, Who: l.who}
		}
	}
	if c.open == nil {
		c.open = make(map[Holder]int)
	}
	for _, l := range lines {
		c.open[l.key]++
	}
	return func() { c.release(lines) }, nil
}

func (c *Counts) release(lines []countLine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lines {
		if c.open[l.key]--; c.open[l.key] == 0 {
			delete(c.open, l.key)
		}
	}
}

// countLine is one of the things that a tunnel counts for.
type countLine struct {
	of, who string
	key     Holder
}

func (l countLine) limit(most Most) int {
	switch l.of {
	case "user":
		return most.User
	case "address":
		return most.Address
	}
	return most.Route
}

func (h Holder) lines() []countLine {
	lines := []countLine{{of: "route", key: Holder{Route: h.Route}}}
	if h.User != "" {
		lines = append(lines, countLine{"user", h.User, Holder{Route: h.Route, User: h.User}})
	}
	if h.Address.IsValid() {
		who := h.Address.String()
		if h.Address.Is6() {
			who += "/64"
		}
		lines = append(lines, countLine{"address", who, Holder{Route: h.Route, Address: h.Address}})
	}
	return lines
}

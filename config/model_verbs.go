package config

import (
	"net/netip"
	"time"
)

// Verb is one of the types of this file, always by pointer.
type Verb interface {
	// Name is the verb as users write it, such as "websockify".
	Name() string
}

// Proxy forwards to an upstream, or to one of several; a target without a verb
// is one. Zero fields mean the default.
type Proxy struct {
	Pos     Pos
	Target  Text             // the single target; empty when Targets is set
	Targets []WeightedTarget // several to choose from
	Balance Text             // "" means "roundRobin"; else that, "leastConn", "ipHash" or "cookie"
	Cookie  Text             // name of the cookie of balance: cookie; empty means "hm-upstream"
	Health  *Health          // nil means no checks of its own
	Eject   Eject
	Retries *int // further tries of a request that may be tried again; nil means 1 with several targets, 0 with one

	SlowStart      time.Duration // how long a target that came back gets less than its share; 0 means not at all
	ConnectTimeout time.Duration // 0 means 10 s
	Timeout        time.Duration // idle time of the upstream; 0 means the port's ProxyTargetTimeout
	ClientTimeout  time.Duration // idle time of the client; 0 means the port's ProxyTimeout
	MaxBody        int64         // bytes of a request's body; 0 means no limit
}

// WeightedTarget is one of several targets.
type WeightedTarget struct {
	Target Text
	Weight int // share of requests against the others' weights; 0 means 1
}

// Health is how a proxy asks its targets whether they are well. Zero fields
// mean the default.
type Health struct {
	Pos      Pos
	Path     Text          // begins with "/"; empty means "/"
	Interval time.Duration // 0 means 10 s
	Timeout  time.Duration // 0 means 2 s
	Status   int           // the only good answer; 0 means any 2xx or 3xx
	Rise     int           // good answers in a row until a target is used again; 0 means 2
	Fall     int           // bad ones in a row until it is no longer used; 0 means 3
}

// Eject is when a proxy leaves a target alone because requests to it failed.
type Eject struct {
	Failures int           // in a row; 0 means 3, -1 (written eject: false) never
	For      time.Duration // 0 means 10 s
}

// Redirect answers with a Location.
type Redirect struct {
	To   Text
	Code int // 0 means 302
}

// Websockify carries a TCP connection in a WebSocket. Zero fields mean the
// default.
type Websockify struct {
	Target      Text   // empty with Tokens
	Tokens      Text   // a file; empty with Target
	Token       Text   // empty means the parameter of that name
	Allow       []Text // nil: not given
	Origins     []Text
	DialTimeout time.Duration  // 0 means 10 s
	Ping        *time.Duration // nil means 25 s; 0 means off
	IdleTimeout time.Duration  // 0 means none
	MaxLifetime time.Duration  // 0 means none
	MaxTunnels  MaxTunnels
	Resume      *time.Duration // nil means 5 min; 0 means off
	// ProxyProtocol is "", "v1" or "v2".
	ProxyProtocol Text
}

// MaxTunnels is how many tunnels of a rule may be open at once; 0 means no
// limit.
type MaxTunnels struct {
	Route   int // in all
	User    int // of one user
	Address int // of one IPv4 address or IPv6 /64
}

// Reject answers with a status and nothing else.
type Reject struct {
	Code     int // 0 means 403
	HTMLFile Text
}

// Static serves files below a folder.
type Static struct {
	Dir Text
}

// Auth asks for HTTP Basic credentials from an htpasswd file.
type Auth struct {
	File    Text
	Realm   Text
	Lockout Lockout
}

// Lockout is when a client that sends wrong passwords is turned away. Zero
// fields mean the default.
type Lockout struct {
	Failures int           // 0 means 10, -1 (written lockout: false) never
	Within   time.Duration // 0 means 10 min
	For      time.Duration // 0 means 15 min
}

// Ticket gives users tickets for WebSockets.
type Ticket struct {
	Pos Pos
}

// Status shows the server on a page.
type Status struct {
	Pos Pos
}

// Log writes an access log.
type Log struct {
	File Text // a path, "stdout" or "stderr"
	Type Text // "combined" (default), "common" or "json"
}

// Gzip compresses responses.
type Gzip struct {
	Level int // 1..9; 0 means the library's default
	Pos   Pos
}

// AddHeader sets a header: on the request, or with Response on the response.
type AddHeader struct {
	Response bool
	Header   Text // its name
	Value    Text // may contain macros
}

// AddressFilter is allow and deny: by client address.
type AddressFilter struct {
	Deny     bool
	Prefixes []netip.Prefix
	Pos      Pos
}

// Limit lets each client make so many requests.
type Limit struct {
	Rate  float64 // per second, above 0
	Burst int     // requests that may come at once, at least 1; filled in when not given
	Pos   Pos
}

func (*Proxy) Name() string      { return "proxy" }
func (*Redirect) Name() string   { return "redirect" }
func (*Websockify) Name() string { return "websockify" }
func (*Reject) Name() string     { return "reject" }
func (*Static) Name() string     { return "static" }
func (*Auth) Name() string       { return "auth" }
func (*Ticket) Name() string     { return "ticket" }
func (*Status) Name() string     { return "status" }
func (*Log) Name() string        { return "log" }
func (*Gzip) Name() string       { return "gzip" }
func (*Limit) Name() string      { return "limit" }

// Name is "addHeader" or "addHeaderToResponse".
func (h *AddHeader) Name() string {
	if h.Response {
		return "addHeaderToResponse"
	}
	return "addHeader"
}

// Name is "allow" or "deny".
func (f *AddressFilter) Name() string {
	if f.Deny {
		return "deny"
	}
	return "allow"
}

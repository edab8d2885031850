package router

import "strings"

// Origin is where a page is from (RFC 6454).
type Origin struct {
	Scheme string // lower case; "" where none was written
	Host   string // canonical
	Port   string // "" is the scheme's own
}

// DefaultPorts are those that an origin of a scheme leaves out.
var DefaultPorts = map[string]string{"http": "80", "https": "443"}

// ParseOrigin reads "scheme://host:port", where scheme and port may be missing.
func ParseOrigin(text string) (o Origin, ok bool) {
	rest := text
	if scheme, after, found := strings.Cut(text, "://"); found {
		o.Scheme, rest = strings.ToLower(scheme), after
	}
	host, port, err := CanonicalHost(rest)
	if err != nil || host == "" {
		return Origin{}, false
	}
	if port == DefaultPorts[o.Scheme] {
		port = ""
	}
	o.Host, o.Port = host, port
	return o, true
}

// IsOf tells whether o is the host that a request is for. A page that came over
// plain HTTP is not of a host that is asked over TLS, for anybody on the way may
// have written it. The other way round it is: TLS may have ended at a proxy
// before us.
func (o Origin) IsOf(m *Match) bool {
	own := m.Port
	if m.TLS && own == "443" || !m.TLS && own == "80" {
		own = ""
	}
	return o.Host == m.Host && o.Port == own && (o.Scheme == "https" || o.Scheme == "http" && !m.TLS)
}

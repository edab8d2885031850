package proxy

import (
	"fmt"
	"net/http"
	"strings"

	"httpmaster/router"
)

// A browser lets any page open a WebSocket to anywhere, with the user's cookies
// and passwords, and leaves it to the server to look at where the page is from
// (RFC 6455, 10.2). Programs that are no browsers send no Origin.

// origin is where a page is from, or a pattern for it.
type origin struct {
	scheme string // "" in a pattern: any
	host   string // canonical; beginning with "." in a pattern: names below
	port   string // "" is the scheme's own; in a pattern without a scheme: any
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// parseOrigin reads "scheme://host:port", where scheme and port may be missing.
func parseOrigin(text string) (o origin, ok bool) {
	rest := text
	if scheme, after, found := strings.Cut(text, "://"); found {
		o.scheme, rest = strings.ToLower(scheme), after
	}
	host, port, err := router.CanonicalHost(rest)
	if err != nil || host == "" {
		return origin{}, false
	}
	if port == defaultPorts[o.scheme] {
		port = ""
	}
	o.host, o.port = host, port
	return o, true
}

// CheckOrigin tells what is wrong with an entry of a websockify's origins:
// "https://x.com", "https://x.com:8443", "x.com" for any scheme and port,
// "*.x.com" for every name below, or "*" for all.
func CheckOrigin(pattern string) error {
	if pattern == "*" || pattern == "null" {
		return nil
	}
	if _, ok := parseOrigin(withoutStar(pattern)); !ok {
		return fmt.Errorf("%q is no origin: write \"https://x.com\", \"x.com\" or \"*.x.com\"", pattern)
	}
	return nil
}

// withoutStar makes "*.x.com" and "https://*.x.com" what they end in.
func withoutStar(pattern string) string {
	scheme, host, found := strings.Cut(pattern, "://")
	if !found {
		return strings.TrimPrefix(pattern, "*.")
	}
	return scheme + "://" + strings.TrimPrefix(host, "*.")
}

// originAllowed tells whether the page that sent r may open a WebSocket: it has
// no Origin, it is of the host that r is for, or patterns name it.
func originAllowed(r *http.Request, m *router.Match, patterns []string) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	o, ok := parseOrigin(values[0])
	ok = ok && o.scheme != ""
	if ok && ownOrigin(o, m) {
		return true
	}
	for _, p := range patterns {
		if p == "*" || p == "null" && values[0] == "null" || ok && originMatches(o, p) {
			return true
		}
	}
	return false
}

// ownOrigin tells whether o is the host that the request is for. A page that
// came over plain HTTP is not of a host that is asked over TLS, for anybody on
// the way may have written it. The other way round it is: TLS may have ended at
// a proxy before us.
func ownOrigin(o origin, m *router.Match) bool {
	own := m.Port
	if m.TLS && own == "443" || !m.TLS && own == "80" {
		own = ""
	}
	return o.host == m.Host && o.port == own && (o.scheme == "https" || o.scheme == "http" && !m.TLS)
}

func originMatches(o origin, pattern string) bool {
	plain := withoutStar(pattern)
	p, ok := parseOrigin(plain)
	if !ok {
		return false
	}
	if plain != pattern {
		if !strings.HasSuffix(o.host, "."+p.host) {
			return false
		}
	} else if o.host != p.host {
		return false
	}
	if p.scheme != "" {
		return p.scheme == o.scheme && p.port == o.port
	}
	return p.port == "" || p.port == o.port || o.port == "" && p.port == defaultPorts[o.scheme]
}

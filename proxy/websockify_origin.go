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

// CheckOrigin tells what is wrong with an entry of a websockify's origins:
// "https://x.com", "https://x.com:8443", "x.com" for any scheme and port,
// "*.x.com" for every name below, or "*" for all.
func CheckOrigin(pattern string) error {
	if pattern == "*" || pattern == "null" {
		return nil
	}
	if _, ok := router.ParseOrigin(withoutStar(pattern)); !ok {
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
	o, ok := router.ParseOrigin(values[0])
	ok = ok && o.Scheme != ""
	if ok && o.IsOf(m) {
		return true
	}
	for _, p := range patterns {
		if p == "*" || p == "null" && values[0] == "null" || ok && originMatches(o, p) {
			return true
		}
	}
	return false
}

// originMatches tells whether a pattern names o. In a pattern without a scheme
// no port means any.
func originMatches(o router.Origin, pattern string) bool {
	plain := withoutStar(pattern)
	p, ok := router.ParseOrigin(plain)
	if !ok {
		return false
	}
	if plain != pattern {
		if !strings.HasSuffix(o.Host, "."+p.Host) {
			return false
		}
	} else if o.Host != p.Host {
		return false
	}
	if p.Scheme != "" {
		return p.Scheme == o.Scheme && p.Port == o.Port
	}
	return p.Port == "" || p.Port == o.Port || o.Port == "" && p.Port == router.DefaultPorts[o.Scheme]
}

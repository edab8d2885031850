package proxy

import (
	"net/http"
	"strings"
)

// cleaned marks a header that CleanRequest has seen. No client can send a
// field of that name, and none is sent on.
const cleaned = "\x00cleaned"

// CleanRequest takes out of r's header what a client must not be able to say
// or do. The server calls it once per request, when it has found out who the
// client is and before the first element of a chain runs, so that what the
// chain sets (addHeader, say) is neither mistaken for the client's word nor
// removed by the client's Connection field. Proxy calls it for a request that
// comes without, and has to do without that distinction then. It removes
//
//   - what Connection names (RFC 9110, 7.6.1), and Connection itself but for
//     "Upgrade";
//   - what says where the request comes from, Forwarded, X-Forwarded-*,
//     X-Real-IP, unless the peer is trusted; from a trusted peer these stay
//     even where Connection names them.
func CleanRequest(r *http.Request, trusted bool) {
	h := r.Header
	upgrade := false
	for token := range tokens(h["Connection"]) {
		switch name := http.CanonicalHeaderKey(token); {
		case name == "Upgrade":
			upgrade = true
		case name == "Connection", name == "Te", trusted && isOrigin(name):
			// Te is reduced when the request is forwarded.
		default:
			delete(h, name)
		}
	}
	delete(h, "Connection")
	if upgrade {
		h["Connection"] = []string{"Upgrade"}
	}
	if !trusted {
		for name := range h {
			if isOrigin(name) {
				delete(h, name)
			}
		}
	}
	h[cleaned] = nil
}

// isOrigin tells whether the field is one by which proxies tell where a
// request comes from. It knows the spelling with underscores as well.
func isOrigin(name string) bool {
	if strings.Contains(name, "_") {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	switch name {
	case "Forwarded", "X-Forwarded", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

func isPlainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// isHopByHop tells whether the field, by its canonical name, belongs to one
// connection and is not passed on, whether Connection names it or not.
func isHopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
		return true
	case "Proxy": // CGI programs would read it as the HTTP_PROXY to use
		return true
	case "Proxy-Status": // RFC 9209; the one of its family that goes end to end
		return false
	}
	return strings.HasPrefix(name, "Proxy-")
}

// copyResponseHeader puts into dst what of an upstream's header goes on to
// the client. What a chain has put there before stays.
func copyResponseHeader(dst, src http.Header) {
	connection := src["Connection"]
	for name, values := range src {
		if isHopByHop(name) || len(connection) > 0 && hasToken(connection, name) {
			continue
		}
		if old := dst[name]; len(old) > 0 {
			values = append(old[:len(old):len(old)], values...)
		}
		dst[name] = values
	}
}

// isTrailer tells whether a field may come behind a body: nothing that is
// about the connection, the message's framing or the request's origin (RFC
// 9110, 6.5.1).
func isTrailer(name string) bool {
	return name != "Content-Length" && name != "Host" && !isHopByHop(name) && !isOrigin(name) && isPlainName(name)
}

package proxy

import (
	"errors"
	"net/http"
	"strings"
)

// IsUpgrade tells whether r asks to leave HTTP on this connection for another
// protocol, such as a WebSocket: HTTP/1.1, Connection names upgrade, and
// Upgrade names at least one protocol that is not HTTP itself. An upgrade to
// h2c is none: tunnelling it would let requests pass unseen by every rule.
func IsUpgrade(r *http.Request) bool {
	// RFC 9110, 7.8: Upgrade in an HTTP/1.0 request is ignored; HTTP/2 has none.
	return r.ProtoMajor == 1 && r.ProtoMinor >= 1 &&
		hasToken(r.Header["Connection"], "upgrade") && len(upgradeTokens(r.Header)) > 0
}

// CheckUpgrade tells why r may not be passed on: it asks for another protocol
// than websocket, or for a choice of several. What comes after the answer would
// be understood by nobody on the way. A wish for HTTP alone is ignored.
func CheckUpgrade(r *http.Request) error {
	fields, ok := r.Header["Upgrade"]
	if !ok || !IsUpgrade(r) {
		return nil
	}
	if len(fields) == 1 && strings.EqualFold(strings.Trim(fields[0], " \t"), "websocket") {
		return nil
	}
	return errUpgrade
}

var errUpgrade = errors.New("the only protocol to upgrade to is websocket")

// upgradeTokens lists the protocols that h's Upgrade names, as written,
// leaving out those that are versions of HTTP.
func upgradeTokens(h http.Header) []string {
	var list []string
	for token := range tokens(h["Upgrade"]) {
		if !isHTTP(token) {
			list = append(list, token)
		}
	}
	return list
}

func isHTTP(protocol string) bool {
	p := strings.ToLower(protocol)
	return p == "h2c" || p == "h2" || p == "http" || strings.HasPrefix(p, "http/")
}

// tokens yields the elements of comma-separated list fields, empty ones left
// out.
func tokens(fields []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, field := range fields {
			for token := range strings.SplitSeq(field, ",") {
				if token = strings.Trim(token, " \t"); token != "" && !yield(token) {
					return
				}
			}
		}
	}
}

// hasToken tells whether a comma-separated list field contains token, in any
// case of letters.
func hasToken(fields []string, token string) bool {
	for t := range tokens(fields) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

package guard

import "bytes"

// head is what is known of a request's head while its lines come in. Positions
// count from its first byte.
type head struct {
	at      int // where the first line begins that has not been looked at
	scanned int // up to where there is no end of that line
	lines   int // looked at

	http10    bool
	asterisk  bool // the target is *
	authority part // of a target that is a whole URL
	host      part
	hosts     int
	length    int64 // Content-Length; -1 for none
	chunked   bool
	upgrade   bool // there is an Upgrade field
}

// part is a piece of a head, from its first byte to the one behind it.
type part struct{ from, to int }

func (p part) of(b []byte) []byte { return b[p.from:p.to] }

// read looks at the lines that are complete in b, which begins with the head and
// has the bytes that it had before. It is done when the head has ended, at h.at.
func (h *head) read(b []byte, limits *Limits) (done bool, refused *Refusal) {
	for {
		i := bytes.IndexByte(b[h.scanned:], '\n')
		if i < 0 {
			h.scanned = len(b)
			return false, h.unfinished(b, limits)
		}
		from, end := h.at, h.scanned+i
		h.at, h.scanned = end+1, end+1
		if end == from || b[end-1] != '\r' {
			return false, bareLF
		}
		line := b[from : end-1]
		switch {
		case h.at > limits.HeadBytes && h.lines > 0:
			return false, headTooLarge
		case h.lines == 0:
			refused = h.requestLine(line, limits)
		case len(line) == 0:
			return true, h.finish(b)
		case h.lines > limits.HeadLines:
			return false, tooManyLines
		default:
			refused = h.field(line, from)
		}
		if refused != nil {
			return false, refused
		}
		h.lines++
	}
}

// unfinished tells what is wrong with a head already whose last line has not
// ended.
func (h *head) unfinished(b []byte, limits *Limits) *Refusal {
	switch {
	case h.lines > 0 && len(b) > limits.HeadBytes:
		return headTooLarge
	case h.lines > 0:
		return nil
	case len(b)-h.at > limits.URIBytes+maxMethod+len("  HTTP/1.1\r"):
		return uriTooLong
	case len(b) > 0 && classes[b[0]]&inToken == 0:
		return noRequest // such as TLS on a plain port: no need to wait for more
	}
	return nil
}

// finish looks at the head as a whole.
func (h *head) finish(b []byte) *Refusal {
	host := h.host.of(b)
	switch {
	case h.hosts == 0 && !h.http10:
		return noHost
	case h.hosts == 1 && len(host) == 0 && !h.http10 && !h.asterisk:
		return emptyHost
	case len(host) > 0 && !isHost(host):
		return badHost
	case h.authority.to > 0 && h.hosts == 1 && !sameHost(h.authority.of(b), host):
		return otherHost
	case h.chunked && h.http10:
		return codingInHTTP10
	case h.chunked && h.length >= 0:
		return bothLengths
	}
	return nil
}

// sameHost compares two hosts without regard to the case of letters.
func sameHost(a, b []byte) bool {
	return len(a) == len(b) && bytes.EqualFold(a, b)
}

// isHost tells whether b is a name or address, with a port or without (RFC
// 9110, 7.2).
func isHost(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	rest := b[span(b, inHost):]
	if b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 3 || !isIPv6(b[1:i]) {
			return false
		}
		rest = b[i+1:]
	} else if len(rest) == len(b) {
		return false // a port alone
	}
	return len(rest) == 0 || rest[0] == ':' && isPort(rest[1:])
}

// isIPv6 looks at the bytes alone; whether they are an address the router says.
func isIPv6(b []byte) bool {
	for _, c := range b {
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if !hex && c != ':' && c != '.' {
			return false
		}
	}
	return true
}

// isPort tells whether b is the number of a port, or empty (RFC 3986, 3.2.3).
func isPort(b []byte) bool {
	n, ok := parseLength(b)
	return len(b) == 0 || ok && n <= 65535
}

package router

import (
	"net/netip"
	"strings"
)

// Encoding says where the text of a template stands, and so what may come out
// of its expansion: what does not fit is escaped where there is an escape, and
// is refused with [ErrCapture] otherwise. The template's own literal text is
// never escaped.
type Encoding uint8

const (
	// Raw is for header values: the text as it was matched, so paths are
	// decoded. Control characters other than tab are refused.
	Raw Encoding = iota
	// HostText is a whole host: a plain host name, an IPv4 address, or one
	// single macro that is an IPv6 address, which gets brackets.
	HostText
	// PortText is a whole port, 1 to 65535.
	PortText
	// PathText is a URL's path, beginning with "/": percent-encoded, except for
	// slashes. [path] is [Match.Forward]. No dot segment may come out.
	// Leading slashes become one.
	PathText
	// QueryText is the query of a URL: percent-encoded. [query] is the request's
	// query as it is; [path] has the query behind it.
	QueryText
	// FragmentText is the fragment of a URL: like PathText, but [path] has the
	// query behind it, and dots and slashes have no meaning.
	FragmentText
	// FileText is the path of a socket: what a macro stands for is one plain
	// piece of a file's name, of ASCII letters, digits, ".", "-" and "_".
	FileText
)

// Append appends t expanded for m. On an error dst is returned as it was.
func (t *Template) Append(dst []byte, m *Match, e Encoding) ([]byte, error) {
	out := dst
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.kind == literalPart:
			out = append(out, p.text...)
		case e == FileText && !isPlainName(p.value(m)):
			return dst, captureError(p.value(m), "a plain piece of a file name")
		default:
			out = p.append(out, m, e)
		}
	}
	text := out[len(dst):]
	switch e {
	case Raw:
		for _, c := range text {
			if isControl(c) && c != '\t' {
				return dst, captureError(string(text), "free of control characters")
			}
		}
	case HostText:
		host, err := t.host(string(text))
		if err != nil {
			return dst, err
		}
		return appendHost(dst, host), nil
	case PortText:
		if port, err := canonicalPort(string(text)); err != nil || port != string(text) {
			return dst, captureError(string(text), "a port from 1 to 65535")
		}
	case PathText, FileText:
		if hasDotSegment(string(text)) {
			return dst, captureError(string(text), "a path without . and .. in it")
		}
		if e == PathText {
			return out[:len(dst)+len(mergeLeadingSlashes(text))], nil
		}
	}
	return out, nil
}

// append appends the macro p, escaped for e.
func (p *part) append(dst []byte, m *Match, e Encoding) []byte {
	if e != Raw && (p.kind == subjectPart || p.kind == commonNamePart) {
		return appendAllowed(dst, p.value(m), unreserved) // a certificate may say anything
	}
	withQuery := p.kind == pathPart && m.Query != ""
	switch e {
	case PathText:
		if p.kind == pathPart {
			return append(dst, strings.TrimPrefix(m.Forward, "/")...)
		}
		return appendEscaped(dst, p.value(m), pathByte)
	case FragmentText:
		if p.kind != pathPart {
			return appendEscaped(dst, p.value(m), pathByte)
		}
		dst = appendAllowed(dst, strings.TrimPrefix(m.Forward, "/"), queryLink)
		if withQuery {
			dst = appendAllowed(append(dst, '?'), m.Query, queryLink)
		}
		return dst
	case QueryText:
		switch p.kind {
		case queryPart:
			return appendAllowed(dst, m.Query, queryLink)
		case pathPart: // is a URL of its own here, so its % are escaped once more
			dst = appendAllowed(dst, strings.TrimPrefix(m.Forward, "/"), unreserved)
			if withQuery {
				dst = appendAllowed(append(dst, "%3F"...), m.Query, unreserved)
			}
			return dst
		}
		return appendEscaped(dst, p.value(m), unreserved)
	}
	return append(dst, p.value(m)...)
}

// appendEscaped appends a piece of a canonical path or host, percent-encoding
// what has none of bits. The two encodings that a canonical path has stay as
// they are, so that what they stand for is encoded once, not twice.
func appendEscaped(dst []byte, s string, bits uint8) []byte {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return appendAllowed(dst, s, bits)
		}
		dst = appendAllowed(dst, s[:i], bits)
		s = s[i:]
		n := 1
		if strings.HasPrefix(s, "%25") || strings.HasPrefix(s, "%2F") {
			dst, n = append(dst, s[:3]...), 3
		} else { // a regexp's group cut it
			dst = appendHex(dst, '%')
		}
		s = s[n:]
	}
}

// host checks the expansion of t in a host position and gives it canonical,
// IPv6 without brackets.
func (t *Template) host(text string) (string, error) {
	if len(t.parts) == 1 && strings.IndexByte(text, ':') >= 0 {
		inner := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		if addr, err := netip.ParseAddr(inner); err == nil && addr.Zone() == "" && (inner == text || len(inner) == len(text)-2) {
			return addr.String(), nil
		}
	}
	host, err := asciiHost(text)
	if err != nil {
		return "", captureError(text, "a plain host name or IP address")
	}
	return host, nil
}

// appendHost appends a host, IPv6 in brackets.
func appendHost(dst []byte, host string) []byte {
	if strings.IndexByte(host, ':') < 0 {
		return append(dst, host...)
	}
	return append(append(append(dst, '['), host...), ']')
}

// isPlainName reports whether s can be a piece of a file's name without
// meaning anything else.
func isPlainName(s string) bool {
	return s != "" && !strings.Contains(s, "~") && onlyBytes(s, unreserved)
}

// hasDotSegment reports whether a path has a segment that is "." or "..",
// encoded or not, path parameters aside.
func hasDotSegment(path string) bool {
	for more := true; more; {
		var segment string
		segment, path, more = strings.Cut(path, "/")
		segment, _, _ = strings.Cut(segment, ";")
		dots := 0
		for segment != "" && dots < 3 {
			switch {
			case segment[0] == '.':
				segment = segment[1:]
			case strings.HasPrefix(segment, "%2e") || strings.HasPrefix(segment, "%2E"):
				segment = segment[3:]
			default:
				dots = 3
			}
			dots++
		}
		if dots == 1 || dots == 2 {
			return true
		}
	}
	return false
}

// mergeLeadingSlashes makes the slashes that path begins with one, in place:
// "//x" at the beginning of a Location is another host.
func mergeLeadingSlashes(path []byte) []byte {
	n := 0
	for n < len(path) && path[n] == '/' {
		n++
	}
	if n < 2 {
		return path
	}
	return path[:copy(path, path[n-1:])]
}

package guard

import "bytes"

// maxMethod is the longest name of a method; the longest one registered has 17
// letters.
const maxMethod = 64

// requestLine looks at "method SP target SP version" (RFC 9112, 3).
func (h *head) requestLine(line []byte, limits *Limits) *Refusal {
	h.length = -1
	n := span(line, inToken)
	if n == 0 || n == len(line) || line[n] != ' ' || n > maxMethod {
		return noRequest
	}
	method, rest := line[:n], line[n+1:]
	version := bytes.LastIndexByte(rest, ' ')
	if version < 0 {
		return noVersion
	}
	if refused := h.version(rest[version+1:]); refused != nil {
		return refused
	}
	target := rest[:version]
	switch {
	case len(target) > limits.URIBytes:
		return uriTooLong
	case len(target) == 0 || span(target, inTarget) != len(target):
		return badTarget
	case string(method) == "CONNECT":
		return noTunnel
	case target[0] == '/':
		return nil
	case len(target) == 1 && target[0] == '*' && string(method) == "OPTIONS":
		h.asterisk = true
		return nil
	}
	return h.wholeURL(target, n+1)
}

func (h *head) version(v []byte) *Refusal {
	switch string(v) {
	case "HTTP/1.1":
		return nil
	case "HTTP/1.0":
		h.http10 = true
		return nil
	}
	if len(v) == 8 && string(v[:5]) == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7]) {
		return otherVersion
	}
	return noVersion
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wholeURL looks at a target that is more than a path (RFC 9112, 3.2.2).
func (h *head) wholeURL(target []byte, at int) *Refusal {
	i := bytes.Index(target, []byte("://"))
	if i < 0 || !is(target[:i], "http") && !is(target[:i], "https") {
		return badTarget
	}
	from := i + len("://")
	to := from
	for to < len(target) && target[to] != '/' && target[to] != '?' {
		to++
	}
	if !isHost(target[from:to]) {
		return badHost
	}
	h.authority = part{at + from, at + to}
	return nil
}

// field looks at "name: value" (RFC 9112, 5).
func (h *head) field(line []byte, at int) *Refusal {
	n := span(line, inToken)
	if n == 0 || n == len(line) || line[n] != ':' {
		return badName(line, n)
	}
	value := line[n+1:]
	if !isFieldValue(value) {
		return badValue
	}
	// By far the most fields are none of these lengths.
	switch name := line[:n]; n {
	case len("host"):
		if is(name, "host") {
			h.hosts++
			h.host = trimmed(line, n+1, at)
			if h.hosts > 1 {
				return manyHosts
			}
		}
	case len("upgrade"):
		h.upgrade = h.upgrade || is(name, "upgrade")
	case len("content-length"):
		if is(name, "content-length") {
			return h.contentLength(trim(value))
		}
	case len("transfer-encoding"):
		if is(name, "transfer-encoding") {
			return h.transferEncoding(trim(value))
		}
	}
	return nil
}

// trimmed is where in a head the value stands of the line that begins at at.
func trimmed(line []byte, value, at int) part {
	text := trim(line[value:])
	from := value
	for from < len(line) && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	return part{at + from, at + from + len(text)}
}

func badName(line []byte, n int) *Refusal {
	switch {
	case n == 0 && (line[0] == ' ' || line[0] == '\t'):
		return folded
	case n < len(line) && (line[n] == ' ' || line[n] == '\t'):
		return spaceBeforeColon
	}
	return noField
}

func (h *head) contentLength(value []byte) *Refusal {
	if h.length >= 0 {
		return manyLengths
	}
	n, ok := parseLength(value)
	if !ok {
		return badLength
	}
	h.length = n
	return nil
}

func (h *head) transferEncoding(value []byte) *Refusal {
	switch {
	case h.chunked:
		return manyCodings
	case is(value, "chunked"):
		h.chunked = true
		return nil
	}
	return otherCoding
}

package router

import "strings"

// Target is what a rule's target text names, parsed once at load by
// [ParseTarget]. It is immutable and may be used by several goroutines.
//
// A nil Template is a part that was not written. A path is written as soon as
// there is a "/": "https://x/" has the path "/", "https://x" has none.
type Target struct {
	Text     string // as written
	Scheme   string // lower case; "" when not written; "unix" for a socket
	Host     *Template
	Port     *Template
	Path     *Template // of the URL, or with Scheme "unix" of the socket
	Query    *Template
	Fragment *Template

	host, port string // what Address gives, when Static
	ownQuery   bool   // Query says itself where the request's query goes
}

// Static reports whether the address is known at load: no macro stands in
// host, port or socket path.
func (t *Target) Static() bool {
	return isLiteral(t.Host) && isLiteral(t.Port) && (t.Scheme != "unix" || isLiteral(t.Path))
}

// FromRequest reports whether the request has a say in the address. It is the
// opposite of Static.
func (t *Target) FromRequest() bool { return !t.Static() }

func isLiteral(t *Template) bool {
	if t == nil {
		return true
	}
	_, ok := t.Literal()
	return ok
}

// Address gives host and port of t for one request, "" for a part that is not
// written. The host is canonical; IPv6 is without brackets. The error wraps
// [ErrCapture].
func (t *Target) Address(m *Match) (host, port string, err error) {
	host, port = t.host, t.port
	var buf [64]byte
	if !isLiteral(t.Host) {
		if host, err = t.Host.expandHost(m); err != nil {
			return "", "", err
		}
	}
	if !isLiteral(t.Port) {
		text, err := t.Port.Append(buf[:0], m, PortText)
		if err != nil {
			return "", "", err
		}
		port = string(text)
	}
	return host, port, nil
}

func (t *Template) expandHost(m *Match) (string, error) {
	if len(t.parts) == 1 {
		return t.host(t.parts[0].value(m))
	}
	var b strings.Builder
	for i := range t.parts {
		b.WriteString(t.parts[i].value(m))
	}
	return t.host(b.String())
}

// Socket gives the path of the socket of a "unix" target for one request. The
// error wraps [ErrCapture].
func (t *Target) Socket(m *Match) (string, error) {
	if path, ok := t.Path.Literal(); ok {
		return path, nil
	}
	path, err := t.Path.Append(nil, m, FileText)
	return string(path), err
}

// RequestURI gives what a proxy asks its upstream for: the path of t if one is
// written, else the request's as [Match.Forward] has it, and in both cases the
// request's query, behind that of t if one is written. With [query], or [path]
// which includes it, the query of t says itself where the request's goes. The
// error wraps [ErrCapture].
func (t *Target) RequestURI(m *Match) (string, error) {
	own := t.Path
	if t.Scheme == "unix" {
		own = nil
	}
	if m.Query == "" && t.Query == nil {
		if own == nil {
			return m.Forward, nil
		}
		if path, ok := own.Literal(); ok {
			return path, nil
		}
	}
	var buf [256]byte
	out, err := buf[:0], error(nil)
	if own == nil {
		out = append(out, m.Forward...)
	} else if out, err = own.Append(out, m, PathText); err != nil {
		return "", err
	}
	if out, err = t.appendQuery(out, m, true, queryWire); err != nil {
		return "", err
	}
	return string(out), nil
}

// URL gives the Location of a redirect to t. Where t has a host or port and no
// scheme, that of the request is taken; where it has a port and no host, the
// request's host. A path, query or fragment is there if t has one; the
// request's query comes with [path]. t must not be a "unix" target. The error
// wraps [ErrCapture].
func (t *Target) URL(m *Match) (string, error) {
	host, port, err := t.Address(m)
	if err != nil {
		return "", err
	}
	var buf [256]byte
	out := buf[:0]
	if t.Host != nil || t.Port != nil {
		if t.Host == nil {
			host = strings.Trim(m.Host, "[]")
		}
		if host == "" {
			return "", captureError("", "a host")
		}
		out = append(append(out, t.scheme(m)...), "://"...)
		out = appendHost(out, host)
	}
	if port != "" {
		out = append(append(out, ':'), port...)
	}
	withPath := false
	if t.Path != nil {
		withPath = t.Path.uses(pathPart)
		if out, err = t.Path.Append(out, m, PathText); err != nil {
			return "", err
		}
	}
	if out, err = t.appendQuery(out, m, withPath, queryLink); err != nil {
		return "", err
	}
	if t.Fragment != nil {
		if out, err = t.Fragment.Append(append(out, '#'), m, FragmentText); err != nil {
			return "", err
		}
	}
	return string(out), nil
}

func (t *Target) scheme(m *Match) string {
	switch {
	case t.Scheme != "":
		return t.Scheme
	case m.TLS:
		return "https"
	}
	return "http"
}

// appendQuery appends the query of t, and with keep that of the request, whose
// bytes need one of bits to stay as they are.
func (t *Target) appendQuery(dst []byte, m *Match, keep bool, bits uint8) ([]byte, error) {
	before := byte('?')
	if t.Query != nil {
		var err error
		if dst, err = t.Query.Append(append(dst, '?'), m, QueryText); err != nil {
			return nil, err
		}
		before = '&'
	}
	if !keep || t.ownQuery || m.Query == "" {
		return dst, nil
	}
	return appendAllowed(append(dst, before), m.Query, bits), nil
}

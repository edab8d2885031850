package router

import (
	"regexp"
	"strings"
)

type hostKind uint8

const (
	hostAny     hostKind = iota // the pattern has no host
	hostLiteral                 // one name or address
	hostStar                    // "*" alone
	hostGlob                    // labels with wildcards
	hostRegexp
)

// hostPattern is the part of a pattern before the path.
type hostPattern struct {
	kind hostKind
	port string // "" for any
	name string // hostLiteral
	glob labels // hostGlob
	re   *regexp.Regexp
}

// labels are the labels of a wildcard host.
type labels struct {
	lead   bool // "*." or "*?." comes first, and takes all leading labels
	empty  bool // it is "*?.", which may take none
	fixed  []wildcard
	option bool // ".*?" comes last, and takes one label or none
}

func (p *Pattern) parseHost(text string) error {
	if strings.HasPrefix(text, "^") {
		return p.parseHostRegexp(text)
	}
	host, port, hasPort := splitPort(text)
	if hasPort {
		if err := p.parsePort(host, port); err != nil {
			return err
		}
	}
	if strings.Contains(host, "*") {
		return p.parseLabels(strings.TrimSuffix(host, "."))
	}
	name, _, err := CanonicalHost(host)
	if err != nil {
		return hostSyntax(host, err)
	}
	p.host.kind, p.host.name = hostLiteral, name
	return nil
}

func (p *Pattern) parsePort(host, port string) error {
	if strings.HasPrefix(p.text, host+"://") {
		return syntaxf(0, "a pattern has no scheme: leave out %q", host+"://")
	}
	canonical, err := canonicalPort(port)
	switch {
	case err == errHostColons || strings.HasPrefix(host, "[") && !strings.HasSuffix(host, "]"):
		return syntaxf(len(host), "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080")
	case err != nil:
		return syntaxf(len(host)+1, "the port is not a number from 1 to 65535: leave it out to match any port")
	case host == "":
		return syntaxf(0, "there is no host before the port: write *:%s for any host", port)
	}
	p.host.port = canonical
	return nil
}

// parseHostRegexp parses "^expression" or "^expression:port".
func (p *Pattern) parseHostRegexp(text string) error {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return syntaxf(i, "a host regexp sees names in their ASCII form: write the xn-- name")
		}
	}
	if i := strings.LastIndexByte(text, ':'); i > 0 && isDigits(text[i+1:]) && text[i-1] != '\\' {
		if err := p.parsePort(text[:i], text[i+1:]); err != nil {
			return err
		}
		text = text[:i]
	}
	re, err := compileRegexp(text[1:], 1, `\A(?i:`, `)\z`)
	if err != nil {
		return err
	}
	p.host.kind, p.host.re = hostRegexp, re
	p.addNames(re)
	return nil
}

func (p *Pattern) parseLabels(host string) error {
	switch host {
	case "*":
		p.host.kind = hostStar
		p.names = append(p.names, "host")
		return nil
	case "*?":
		return syntaxf(0, "*? stands before or behind other labels: write * alone for every host")
	}
	glob := &p.host.glob
	p.host.kind = hostGlob
	offset := 0
	for i, label := range strings.Split(host, ".") {
		last := offset+len(label) == len(host)
		switch {
		case i == 0 && !last && (label == "*" || label == "*?"):
			glob.lead, glob.empty = true, label == "*?"
			p.names = append(p.names, "")
		case i > 0 && last && label == "*?":
			glob.option = true
			p.names = append(p.names, "")
		default:
			w, err := parseLabel(label, offset)
			if err != nil {
				return err
			}
			if w.star {
				p.names = append(p.names, "")
			}
			glob.fixed = append(glob.fixed, w)
		}
		offset += len(label) + 1
	}
	if len(glob.fixed) == 0 {
		return syntaxf(0, "there is no name between the wildcards: write * alone for every host")
	}
	return nil
}

func parseLabel(label string, offset int) (wildcard, error) {
	prefix, suffix, star := strings.Cut(label, "*")
	if !star {
		// With neighbours, so that what turns into a dot does not go unseen.
		name, err := canonicalName("a." + label + ".a")
		if err == nil && strings.Count(name, ".") != 2 {
			err = errHostLabel
		}
		if err != nil {
			fault := hostSyntax(label, err)
			fault.Offset += offset
			return wildcard{}, fault
		}
		name = name[len("a.") : len(name)-len(".a")]
		return wildcard{prefix: name}, nil
	}
	switch {
	case strings.HasPrefix(suffix, "?"):
		return wildcard{}, syntaxf(offset+len(prefix), "*? is for a whole label, the first or the last one: write * here, or a regexp (^...)")
	case strings.Contains(suffix, "*"):
		return wildcard{}, syntaxf(offset+len(prefix)+1+strings.IndexByte(suffix, '*'), "a label can have one * only: write a regexp (^...)")
	}
	prefix, suffix = strings.ToLower(prefix), strings.ToLower(suffix)
	if !onlyBytes(prefix+suffix, hostByte) {
		return wildcard{}, syntaxf(offset, "beside a * a label can only have ASCII letters, digits, - and _")
	}
	return wildcard{star: true, prefix: prefix, suffix: suffix}, nil
}

// hostSyntax words an error of CanonicalHost for whoever wrote host into a
// file.
func hostSyntax(host string, err error) *SyntaxError {
	if err != errHostByte {
		return syntaxf(0, "%v", err)
	}
	for i := range len(host) {
		c := host[i]
		switch {
		case c == '@':
			return syntaxf(i, "a host has no user name: leave out %q", host[:i+1])
		case c < 0x80 && c != '.' && !is(c, hostByte) && (c < 'A' || c > 'Z'):
			return syntaxf(i, "a host name has no %q", c)
		}
	}
	return syntaxf(0, "%v", err)
}

// match reports whether the request's host and port are meant, and adds the
// captures.
func (h *hostPattern) match(m *Match) bool {
	if h.port != "" && h.port != effectivePort(m) {
		return false
	}
	switch h.kind {
	case hostLiteral:
		return m.Host == h.name
	case hostStar:
		m.capture(m.Host)
		return true
	case hostGlob:
		return h.glob.match(m)
	case hostRegexp:
		return matchRegexp(h.re, m.Host, m)
	}
	return true
}

// effectivePort is the port that the request is for: a client leaves out the
// scheme's default (RFC 9110 section 4.2).
func effectivePort(m *Match) string {
	switch {
	case m.Port != "":
		return m.Port
	case m.TLS:
		return "443"
	}
	return "80"
}

func (l *labels) match(m *Match) bool {
	host := m.Host
	if host == "" || host[0] == '[' {
		return false
	}
	if l.matchFixed(host, "", m) {
		return true
	}
	if !l.option {
		return false
	}
	dot := strings.LastIndexByte(host, '.')
	return dot > 0 && l.matchFixed(host[:dot], host[dot+1:], m)
}

// matchFixed matches host against all but the optional last label, and adds
// the captures; option is what the optional label took.
func (l *labels) matchFixed(host, option string, m *Match) bool {
	start := len(host) + 1 // of the fixed labels
	for i := len(l.fixed) - 1; i >= 0; i-- {
		if start == 0 {
			return false
		}
		end := start - 1
		start = strings.LastIndexByte(host[:end], '.') + 1
		if _, ok := l.fixed[i].match(host[start:end]); !ok {
			return false
		}
	}
	switch {
	case l.lead && start > 0:
		m.capture(host[:start-1])
	case l.lead && l.empty:
		m.capture("")
	case l.lead || start > 0:
		return false
	}
	rest := host[start:]
	for _, w := range l.fixed {
		var label string
		label, rest, _ = strings.Cut(rest, ".")
		if capture, _ := w.match(label); w.star {
			m.capture(capture)
		}
	}
	if l.option {
		m.capture(option)
	}
	return true
}

func matchRegexp(re *regexp.Regexp, text string, m *Match) bool {
	loc := re.FindStringSubmatchIndex(text)
	if loc == nil {
		return false
	}
	for i := 2; i < len(loc); i += 2 {
		if loc[i] < 0 {
			m.capture("")
			continue
		}
		m.capture(text[loc[i]:loc[i+1]])
	}
	return true
}

package router

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// maxPattern bounds what a pattern costs to compile and to match.
const maxPattern = 2048

// Pattern is one parsed pattern. It is immutable and may be used by several
// goroutines.
type Pattern struct {
	text  string
	host  hostPattern
	path  pathPattern
	names []string // one per capture, "" for those without a name; the host's first
}

// ParsePattern parses "host", "host/path" or "/path".
//
// The host is a name or IP address (IPv6 in brackets); "*" alone for any or no
// host; or labels of which the first may be "*" (one or more labels) or "*?"
// (none or more), the last "*?" (none or one), and any a "*" (one label) or have
// one "*" in it (at least one character). "^" begins an RE2 expression on the
// canonical host; it ends at the first "/" outside groups, classes and
// escapes. Any of them may be followed by ":port", which then is the one port
// that matches; where a Host header has none it means 443 with TLS, else 80.
//
// The path is literal; or has segments that are "*" (one that is not empty) or
// have one "*" in them; "/*" at the end is that path and everything below. "^"
// after the first slash begins an RE2 expression on the whole path; it need not
// repeat the first slash. Paths are compared to canonical ones (see
// [CanonicalPath]): "/a b" and "/a%20b" are the same pattern, and %2A is a
// literal "*".
//
// The error is a [*SyntaxError].
func ParsePattern(text string) (*Pattern, error) {
	switch {
	case text == "":
		return nil, syntaxf(0, "the pattern is empty: write * for every request")
	case len(text) > maxPattern:
		return nil, syntaxf(maxPattern, "the pattern is longer than %d bytes", maxPattern)
	}
	end := hostEnd(text)
	p := &Pattern{text: text}
	if end > 0 {
		if err := p.parseHost(text[:end]); err != nil {
			return nil, err
		}
	}
	if end < len(text) {
		if err := p.parsePath(text[end:], end); err != nil {
			return nil, err
		}
	}
	if err := p.checkNames(); err != nil {
		return nil, err
	}
	return p, nil
}

// String gives the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// NumCaptures says how many captures a match has.
func (p *Pattern) NumCaptures() int { return len(p.names) }

// LiteralHost gives the one host that p is for, canonical, with the port that
// p asks for or "". ok is false for patterns without host and with a wildcard
// or regexp host.
func (p *Pattern) LiteralHost() (host, port string, ok bool) {
	return p.host.name, p.host.port, p.host.kind == hostLiteral
}

// match reports whether p matches, and adds its captures to m. When it does
// not match, m may be left with captures too many.
func (p *Pattern) match(m *Match) bool {
	return p.host.match(m) && p.path.match(m)
}

// hostEnd gives the offset of the "/" that ends the host, or len(text).
func hostEnd(text string) int {
	if text[0] == '^' {
		return regexpEnd(text)
	}
	if i := strings.IndexByte(text, '/'); i >= 0 {
		return i
	}
	return len(text)
}

// regexpEnd gives the offset of the first "/" of a regexp that is not escaped,
// in a group or in a character class.
func regexpEnd(text string) int {
	depth, class := 0, -1 // class is where the current one's first character stands
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && strings.HasPrefix(text[i:], `\Q`):
			n := strings.Index(text[i:], `\E`)
			if n < 0 {
				return len(text)
			}
			i += n + 1
		case c == '\\':
			i++
		case class >= 0 && strings.HasPrefix(text[i:], "[:"):
			if n := strings.Index(text[i:], ":]"); n > 0 {
				i += n + 1
			}
		case class >= 0:
			if c == ']' && i > class {
				class = -1
			}
		case c == '[':
			if strings.HasPrefix(text[i:], "[^") {
				i++
			}
			class = i + 1
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '/' && depth <= 0:
			return i
		}
	}
	return len(text)
}

// compileRegexp compiles expr, which stands at offset of the pattern, between
// before and after.
func compileRegexp(expr string, offset int, before, after string) (*regexp.Regexp, error) {
	// By itself first: what is not balanced must not pair with the anchors.
	_, err := regexp.Compile(expr)
	var fault *syntax.Error
	if errors.As(err, &fault) {
		return nil, syntaxf(offset, "the regexp does not compile: %s: %s", fault.Code, fault.Expr)
	}
	re, err := regexp.Compile(before + expr + after)
	if err != nil { // the anchor behind has been quoted
		return nil, syntaxf(offset, `the regexp does not compile: \Q has no \E`)
	}
	return re, nil
}

// addNames adds the names of a regexp's groups.
func (p *Pattern) addNames(re *regexp.Regexp) {
	p.names = append(p.names, re.SubexpNames()[1:]...)
}

func (p *Pattern) checkNames() error {
	for i, name := range p.names {
		if name == "" {
			continue
		}
		at := max(0, strings.Index(p.text, "<"+name+">"))
		switch {
		case p.host.kind == hostStar && i == 0: // it is what [host] means everywhere
		case slices.Contains(macros, name):
			return syntaxf(at, "the group name %q is taken by the macro [%s]: choose another", name, name)
		case isDigits(name):
			return syntaxf(at, "the group name %q is a number: choose a name", name)
		}
		if slices.Contains(p.names[:i], name) {
			return syntaxf(at, "two captures have the name %q: choose another for one of them", name)
		}
	}
	return nil
}

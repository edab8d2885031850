package config

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// number reads the number that is a verb's whole argument; none leaves the
// default.
func (l *loader) number(arg Text, what string, least, most int, into *int) {
	if arg.Value == "" {
		return
	}
	n, err := parseWhole(arg.Value, least, most)
	if err != nil {
		l.faults.Errorf(arg.Pos, "%s %v", what, err)
		return
	}
	*into = n
}

var redirectCodes = []string{"301", "302", "303", "307", "308"}

var redirectCode = kind[int]{strings.Join(redirectCodes, ", "), enum(301, 302, 303, 307, 308, "301", "302", "303", "307", "308"), func(l *loader, name string, n *yaml.Node, into *int) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(redirectCodes, n.Value) {
		l.errorf(n, "%s must be one of %s", name, strings.Join(redirectCodes, ", "))
		return
	}
	*into, _ = strconv.Atoi(n.Value)
}}

func shortRedirect(l *loader, v *Redirect, word, arg Text) {
	v.To = arg
	if word.Value == "" {
		return
	}
	if !slices.Contains(redirectCodes, word.Value) {
		l.faults.Errorf(word.Pos, "the status of redirect must be one of %s", strings.Join(redirectCodes, ", "))
		return
	}
	v.Code, _ = strconv.Atoi(word.Value)
}

func shortHeader(l *loader, v *AddHeader, _, arg Text) {
	equals := strings.IndexByte(arg.Value, '=')
	if equals < 0 {
		l.faults.Errorf(arg.Pos, `%[1]s needs Name=Value: write "%[1]s -> X-Name=value"`, v.Name())
		return
	}
	name := arg
	name.Value = arg.Value[:equals]
	v.Header, v.Value = name.trim(), arg.from(equals+1).trim()
	l.checkHeaderName(v.Header)
}

var headerName = kind[Text]{"header name", pattern(tokenPattern), func(l *loader, name string, n *yaml.Node, into *Text) {
	if t, ok := l.scalarText(n, name); ok {
		*into = t
		l.checkHeaderName(t)
	}
}}

// framing are the headers that say where a message ends and what becomes of
// its connection. Whoever sets them from outside splits messages in two.
var framing = []string{"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

func (l *loader) checkHeaderName(t Text) {
	switch {
	case !isToken(t.Value):
		l.faults.Errorf(t.Pos, "%s cannot be the name of a header", quote(t.Value))
	case slices.Contains(framing, strings.ToLower(t.Value)):
		l.faults.Errorf(t.Pos, "%s cannot be set: it belongs to the connection, not to the application", quote(t.Value))
	}
}

// isToken tells whether s may be a name: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	const punctuation = "!#$%&'*+-.^_`|~"
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(punctuation, r))
	}
	return s != "" && !strings.ContainsFunc(s, odd)
}

func shortFilter(l *loader, v *AddressFilter, _, arg Text) {
	v.Prefixes = l.prefixes(arg)
	if len(v.Prefixes) == 0 {
		l.faults.Errorf(arg.Pos, "%s names no address", v.Name())
	}
}

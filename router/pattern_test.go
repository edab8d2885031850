package router

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// request makes a Match of a Host header and a path as they come over the
// wire.
func request(t testing.TB, header, escaped string) *Match {
	t.Helper()
	m := new(Match)
	var err error
	if m.Host, m.Port, err = CanonicalHost(header); err != nil {
		t.Fatalf("host %q: %v", header, err)
	}
	escaped, m.Query, _ = strings.Cut(escaped, "?")
	if m.Path, m.Forward, err = CanonicalPath(escaped, true); err != nil {
		t.Fatalf("path %q: %v", escaped, err)
	}
	return m
}

func pattern(t testing.TB, text string) *Pattern {
	t.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatalf("pattern %q: %v", text, err)
	}
	return p
}

// no is the captures of a request that does not match.
var no = []string{"no match"}

func checkMatch(t *testing.T, text, header, path string, want []string) {
	t.Helper()
	m := request(t, header, path)
	p := pattern(t, text)
	matched := p.match(m)
	if slices.Equal(want, no) {
		if matched {
			t.Errorf("%q matches %q %q: %q", text, header, path, m.captures)
		}
		return
	}
	if !matched || !slices.Equal(m.captures, want) {
		t.Errorf("%q on %q %q: %v, %q; want %q", text, header, path, matched, m.captures, want)
	}
	if p.NumCaptures() != len(want) {
		t.Errorf("%q has %d captures, want %d", text, p.NumCaptures(), len(want))
	}
}

func TestPatternPath(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		captures      []string
	}{
		{"/", "/", nil},
		{"/", "/x", no},
		{"a.com/", "/", nil},
		{"a.com/", "/x", no},
		{"/x/y", "/x/y", nil},
		{"/x/y", "/x/y/", no},
		{"/x/y", "/x/Y", no},
		{"/x/y", "/x/./y", nil},
		{"/x/y", "/x//z/../y", nil},
		{"/x/", "/x/", nil},
		{"/x/", "/x", no},
		{"/admin", "/%61dmin", nil},
		{"/a b", "/a%20b", nil},
		{"/a%20b", "/a%20b", nil},
		{"/a%20b", "/a b", nil},
		{"/ć", "/%c4%87", nil},
		{"/%C4%87", "/ć", nil},
		{"/100%25", "/100%25", nil},
		{"/%61", "/a", nil},
		{"/a%3Fb", "/a%3Fb", nil},
		{"/a%2fb", "/a%2Fb", nil},
		{"/%2A", "/*", nil},
		{"/%2A", "/x", no},
		// below
		{"/x/*", "/x", []string{""}},
		{"/x/*", "/x/", []string{""}},
		{"/x/*", "/x/a/b", []string{"a/b"}},
		{"/x/*", "/x/a/", []string{"a/"}},
		{"/x/*", "/xy", no},
		{"/x/*", "/", no},
		{"/*", "/", []string{""}},
		{"/*", "/a/b", []string{"a/b"}},
		{"a.com/*", "/", []string{""}},
		// segments
		{"/*/x", "/a/x", []string{"a"}},
		{"/*/x", "/a/b/x", no},
		{"/*/x", "//x", no},
		{"/x/*/", "/x/a/", []string{"a"}},
		{"/x/*/", "/x/a", no},
		{"/x/*/", "/x/", no},
		{"/ssh/*/*", "/ssh/db/22", []string{"db", "22"}},
		{"/ssh/*/*", "/ssh/db", []string{"db", ""}},
		{"/ssh/*/*", "/ssh/db/", []string{"db", ""}},
		{"/ssh/*/*", "/ssh/", no},
		{"/ssh/*/*", "/ssh", no},
		{"/ssh/*/*", "/ssh/db/22/x", []string{"db", "22/x"}},
		{"/a/*/*/b", "/a/1/2/b", []string{"1", "2"}},
		{"/img-*.png", "/img-1.png", []string{"1"}},
		{"/img-*.png", "/img-.png", no},
		{"/x/a*", "/x/ab/c", no},
		{"/%2E*", "/.a", []string{"a"}},
	} {
		checkMatch(t, c.pattern, "a.com", c.path, c.captures)
	}
}

func TestPatternRegexpPath(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		captures      []string
	}{
		// regexps
		{`/^/api/v(\d+)/.*`, "/api/v2/x", []string{"2"}},
		{`/^api/v(\d+)/.*`, "/api/v2/x", []string{"2"}},
		{`/^api/v(\d+)$`, "/api/v2/x", no},
		{`/^(.*)$`, "/a/b", []string{"a/b"}},
		{`/^(/.*)$`, "/a/b", []string{"/a/b"}},
		{`/^(?<year>\d{4})/(?P<rest>.*)`, "/2024/x/y", []string{"2024", "x/y"}},
		{`/^a|b`, "/b", nil},
		{`/^a|b`, "/bc", no},
		{`/^b`, "/a/b", no},
		{`/^Api`, "/api", no},
	} {
		checkMatch(t, c.pattern, "a.com", c.path, c.captures)
	}
}

func TestPatternHostAndPath(t *testing.T) {
	for _, c := range []struct {
		pattern, header, path string
		captures              []string
	}{
		{"*.a.com/x/*/*", "1.a.com", "/x/2/3", []string{"1", "2", "3"}},
		{"*/x", "a.com", "/x", []string{"a.com"}},
		{"*/x", "a.com", "/y", no},
		{"[::1]:8080/x/*", "[::1]:8080", "/x/y", []string{"y"}},
		{`^(?P<sub>.+)\.a\.com$/x`, "b.a.com", "/x", []string{"b"}},
		{`^(?P<sub>.+)\.a\.com$/x`, "b.a.com", "/y", no},
		{`^([^/]+)\.com/x`, "a.com", "/x", []string{"a"}},
		{`^([]/]|a)\.com/x`, "a.com", "/x", []string{"a"}},
		{`^[^]/[:alpha:]/]\.com/x`, "1.com", "/x", nil},
		{`^(a|/)\.com/x`, "a.com", "/x", []string{"a"}},
		{`^a\.com\/?/x`, "a.com", "/x", nil},
		{`^\Qa.com\E/x`, "a.com", "/x", nil},
		{`^a\.com/^/(x|y)/.*`, "a.com", "/x/1", []string{"x"}},
	} {
		checkMatch(t, c.pattern, c.header, c.path, c.captures)
	}
}

func TestParsePatternErrors(t *testing.T) {
	for _, c := range []struct {
		pattern string
		offset  int
		msg     string
	}{
		{"", 0, "the pattern is empty: write * for every request"},
		{"a.com" + strings.Repeat("/x", 2048), 2048, "the pattern is longer than 2048 bytes"},
		{"a..com", 0, "invalid host: there is nothing between two dots"},
		{"a com/x", 1, `a host name has no ' '`},
		{"host2.???", 6, `a host name has no '?'`},
		{"me@a.com/x", 2, `a host has no user name: leave out "me@"`},
		{"https://a.com/x", 0, `a pattern has no scheme: leave out "https://"`},
		{"https://*/x", 0, `a pattern has no scheme: leave out "https://"`},
		{"a.com:", 6, "the port is not a number from 1 to 65535: leave it out to match any port"},
		{"a.com:*", 6, "the port is not a number from 1 to 65535: leave it out to match any port"},
		{"*.a.com:70000/x", 8, "the port is not a number from 1 to 65535: leave it out to match any port"},
		{":8080", 0, "there is no host before the port: write *:8080 for any host"},
		{"::1", 0, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080"},
		{"fe80::1/x", 4, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080"},
		{"[::1/x", 1, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080"},
		{"[::g]", 0, "invalid host: what stands in brackets is not an IPv6 address"},
		{"[fe80::1%1]", 0, "invalid host: an IPv6 address cannot have a zone here"},
		{"*?", 0, "*? stands before or behind other labels: write * alone for every host"},
		{"a.*?.com", 2, "*? is for a whole label, the first or the last one: write * here, or a regexp (^...)"},
		{"a*?.com", 1, "*? is for a whole label, the first or the last one: write * here, or a regexp (^...)"},
		{"**.com", 1, "a label can have one * only: write a regexp (^...)"},
		{"a.b*c*d.com", 5, "a label can have one * only: write a regexp (^...)"},
		{"*.*?", 0, "there is no name between the wildcards: write * alone for every host"},
		{"*.a..com", 4, "invalid host: there is nothing between two dots"},
		{"*.źdź。bło.pl", 2, "invalid host: there is nothing between two dots"},
		{"*.a!.com", 3, `a host name has no '!'`},
		{"a.ź*.com", 2, "beside a * a label can only have ASCII letters, digits, - and _"},
		{"[*]", 0, "beside a * a label can only have ASCII letters, digits, - and _"},
		{`^a(`, 1, "the regexp does not compile: missing closing ): a("},
		{`^a)|(b`, 1, "the regexp does not compile: unexpected ): a)|(b"},
		{`^a\Qb`, 1, `the regexp does not compile: \Q has no \E`},
		{`^ź\.pl`, 1, "a host regexp sees names in their ASCII form: write the xn-- name"},
		{`^a{2000}`, 1, "the regexp does not compile: invalid repeat count: {2000}"},
		{`/^((a{100}){100}){100}`, 2, "the regexp does not compile: invalid repeat count: {100}"},
		{`/^(?P<host>.*)`, 5, `the group name "host" is taken by the macro [host]: choose another`},
		{`/^(?P<1>.*)`, 5, `the group name "1" is a number: choose a name`},
		{`^(?P<rest>.*)/x/*`, 4, `two captures have the name "rest": choose another for one of them`},
		{"a.com//x", 6, "this can never match, for doubled slashes are merged before matching: leave one out"},
		{"/x//", 3, "this can never match, for doubled slashes are merged before matching: leave one out"},
		{"/x/../y", 3, "this can never match, for .. is resolved before matching: leave it out"},
		{"/x/.", 3, "this can never match, for . is resolved before matching: leave it out"},
		{"/x/%2e%2e/y", 3, `this can never match, for a path with "%2e%2e" is refused`},
		{"/..;/y", 1, `this can never match, for a path with "..;" is refused`},
		{`/x\y`, 1, "this can never match: invalid path: it has a backslash"},
		{"/x%00", 1, "this can never match: invalid path: it has a control character"},
		{"/100%", 4, "a % is not followed by two hexadecimal digits: write %25 for the character"},
		{"/x*y%zz", 4, "a % is not followed by two hexadecimal digits: write %25 for the character"},
		{"/x?y=1", 2, `only the path takes part in matching: leave out what follows '?', or write %3F for the character`},
		{"/x#y", 2, `only the path takes part in matching: leave out what follows '#', or write %23 for the character`},
		{"/x/*?", 3, "*? is for hosts: in a path, /* at the end matches with and without something behind it"},
		{"/x/**", 4, "a segment can have one * only: write a regexp (/^...)"},
	} {
		_, err := ParsePattern(c.pattern)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != c.offset || syntax.Msg != c.msg {
			t.Errorf("ParsePattern(%q):\n got %+v\nwant {%d %s}", c.pattern, syntax, c.offset, c.msg)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"*", "a.com:80/x/*", "*?.a.*?/*/b", "[::1]/x", `^(?P<a>.+)\.b$/^/c(/.*)?`, "źdźbło.pl/ć", "/%61%2f*", "*.*.x-*.com"} {
		f.Add(s, "x.a.com:80", "/x/y%20z")
	}
	f.Fuzz(func(t *testing.T, text, header, escaped string) {
		p, err := ParsePattern(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) || syntax.Msg == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if p.String() != text {
			t.Fatalf("%q comes back as %q", text, p)
		}
		m := new(Match)
		if m.Host, m.Port, err = CanonicalHost(header); err != nil {
			return
		}
		if m.Path, m.Forward, err = CanonicalPath(escaped, true); err != nil {
			return
		}
		if p.match(m) && len(m.captures) != p.NumCaptures() {
			t.Fatalf("%q on %q %q: %q, want %d captures", text, header, escaped, m.captures, p.NumCaptures())
		}
		if host, port, ok := p.LiteralHost(); ok {
			m.Host, m.Port = host, port
			if !p.host.match(m) {
				t.Fatalf("%q does not match its own host", text)
			}
		}
		if !p.host.covers(&p.host) || !p.path.covers(&p.path) {
			t.Fatalf("%q does not cover itself", text)
		}
	})
}

package router

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestTargetParts(t *testing.T) {
	part := func(name string, t *Template) string {
		if t == nil {
			return ""
		}
		text, ok := t.Literal()
		if !ok {
			text = "<" + t.shape() + ">"
		}
		return name + text + " "
	}
	for text, want := range map[string]string{
		"8080":                        "port=8080 ",
		"8080/":                       "port=8080 path=/ ",
		"5050/[1]/[path]":             "port=5050 path=</x/x> ",
		"a":                           "host=a ",
		"a/x?y#z":                     "host=a path=/x query=y fragment=z ",
		"a#z?y":                       "host=a fragment=z?y ",
		"a?":                          "host=a query= ",
		"HTTPS://A.com":               "scheme=https host=a.com ",
		"https+insecure://a:1/":       "scheme=https+insecure host=a port=1 path=/ ",
		"h2c://[::1]:1":               "scheme=h2c host=[::1] port=1 ",
		"[1]:[2]":                     "host=<x> port=<x> ",
		"[1]":                         "host=<x> ",
		"[1]-A.com":                   "host=<x-a.com> ",
		"unix:/run/app.sock":          "scheme=unix path=/run/app.sock ",
		"unix:///run/a b?.sock":       "scheme=unix path=/run/a b?.sock ",
		"/[path]":                     "path=</x> ",
		"/x://y":                      "path=/x://y ",
		"a/ć b|\"":                    "host=a path=/%C4%87%20b|\" ",
		"a/%20?ć d=[[#ć":              "host=a path=/%20 query=%C4%87%20d=[ fragment=%C4%87 ",
		"a/[[1]":                      "host=a path=/[1] ",
		"a//x":                        "host=a path=/x ",
		"a/x//y":                      "host=a path=/x//y ",
		"https://a/login?to=[path]#/": "scheme=https host=a path=/login query=<to=x> fragment=/ ",
	} {
		target, err := ParseTarget(text, Scope{}.With(pattern(t, "*.a.com/*")))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := part("host=", target.Host) + part("port=", target.Port) + part("path=", target.Path) +
			part("query=", target.Query) + part("fragment=", target.Fragment)
		if target.Scheme != "" {
			got = "scheme=" + target.Scheme + " " + got
		}
		if got != want || target.Text != text {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// targetError is a faulty target and what is said about it.
type targetError struct {
	target string
	offset int
	msg    string
}

func (c targetError) check(t *testing.T) {
	t.Helper()
	_, err := ParseTarget(c.target, Scope{}.With(pattern(t, "*.a.com/*/*")))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != c.offset || syntax.Msg != c.msg {
		t.Errorf("ParseTarget(%q):\n got %+v\nwant {%d %s}", c.target, syntax, c.offset, c.msg)
	}
}

func TestTargetAddressErrors(t *testing.T) {
	for _, c := range []targetError{
		{"", 0, "the target is empty"},
		{strings.Repeat("a", 9000), 8192, "the target is longer than 8192 bytes"},
		{"//a.com/x", 0, "a target does not begin with //: write the scheme, such as https://a.com/x"},
		{"https://", 8, "there is no host after https://"},
		{"https:///x", 8, "there is no host after https://"},
		{"://a", 0, "there is no scheme before ://"},
		{"[1]://a", 0, "the scheme cannot come from the request: write it out"},
		{"ht tp://a", 2, `a scheme has no ' '`},
		{"?x", 0, `there is neither a host nor a path before "?x"`},
		{"#x", 0, `there is neither a host nor a path before "#x"`},
		{"http://me:pw@a.com", 12, "a target has no user name or password: leave out what stands before the @"},
		{"me@[1]", 2, "a target has no user name or password: leave out what stands before the @"},
		{"http://8080/x", 7, "8080 is a port, not a host: write http://127.0.0.1:8080"},
		{"70000", 0, `the port "70000" is not a number from 1 to 65535`},
		{"a:0", 2, `the port "0" is not a number from 1 to 65535`},
		{"a:", 2, `the port "" is not a number from 1 to 65535`},
		{"https:/x", 6, `the port "" is not a number from 1 to 65535`},
		{"a:80x", 2, `the port "80x" is not a number from 1 to 65535`},
		{"a:x[1]", 2, `the port "x[1]" has something beside digits`},
		{"a:[host]", 2, "[host] cannot be a port"},
		{"a:[path]", 2, "[path] cannot be a port"},
		{"x[path]:80", 1, "[path] cannot be a host"},
		{"[query]", 0, "[query] cannot be a host"},
		{"[tls.cn]:80", 0, "[tls.cn] cannot be a host"},
		{"https://x.[tls.subject]/", 10, "[tls.subject] cannot be a host"},
		{"a:[tls.cn]", 2, "[tls.cn] cannot be a port"},
		{":80", 0, "there is no host before the port: for a port of this machine write the number alone"},
		{"::1", 0, "there is no host before the port: for a port of this machine write the number alone"},
		{"fe80::1", 4, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080"},
		{"[1]:[2]:[3]", 3, "there is more than one colon: an IPv6 address is written in brackets, as in [::1]:8080"},
		{"[::g]:80", 0, "invalid host: what stands in brackets is not an IPv6 address"},
		{"https://[fe80::1%1]:80", 8, "invalid host: an IPv6 address cannot have a zone here"},
		{"https://*.a.com", 8, "a target has no *: write [1] for what the pattern's first * matched"},
		{"https://a..b", 8, "invalid host: there is nothing between two dots"},
		{"redirect -> x", 8, `a host name has no ' '`},
		{"https://a b/", 9, `a host name has no ' '`},
		{"[1].ź:80", 0, "beside a macro a host can only have ASCII letters, digits, dots, - and _ (names in other scripts as xn--...)"},
		{"[1]..a:80", 0, "beside a macro a host can only have ASCII letters, digits, dots, - and _ (names in other scripts as xn--...)"},
		{"80[2]", 0, "80[2] would be a host, not a port: write 127.0.0.1:80[2] for a port of this machine"},
		{"[1]80[2]/x", 0, "[1]80[2] would be a host, not a port: write 127.0.0.1:[1]80[2] for a port of this machine"},
	} {
		c.check(t)
	}
}

func TestTargetPathErrors(t *testing.T) {
	for _, c := range []targetError{
		{"a/[4]", 2, "[4] is used, but the pattern has 3 captures"},
		{"a:[99999999999999999999]", 2, "[99999999999999999999] is used, but the pattern has 3 captures"},
		{"a/[0]", 2, "[0] is used, but captures are counted from 1"},
		{"a/?x=[foo]", 5, "[foo] is not known here: there are [1] to [3], [rest], [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{"a/[1", 2, "there is no ] for this [ (a literal [ is written [[)"},
		{"[1", 0, "there is no ] for this [ (a literal [ is written [[)"},
		{"a/[]", 2, "[] is not known here: there are [1] to [3], [rest], [host], [path], [query], [tls.subject] and [tls.cn] (a literal [ is written [[)"},
		{"a/x[query]", 3, "[query] cannot be part of a path: it belongs behind a ?"},
		{`a/x\y`, 3, `a path has no backslash: write /`},
		{"a/x/../y", 1, "the path has . or .. in it: write where it leads to"},
		{"a/%2e%2E;x/[1]", 1, "the path has . or .. in it: write where it leads to"},
		{"a/%zz", 2, "a % is not followed by two hexadecimal digits: write %25 for the character"},
		{"a/?x=%", 5, "a % is not followed by two hexadecimal digits: write %25 for the character"},
		{"unix:run/x", 5, "the path of a socket begins with /, as in unix:/run/app.sock"},
		{"unix:", 5, "the path of a socket begins with /, as in unix:/run/app.sock"},
		{"unix:/run/[path]", 10, "[path] cannot be part of a socket's path"},
		{"unix:/run/[tls.cn]", 10, "[tls.cn] cannot be part of a socket's path"},
		{"unix:/run/../x", 5, "the path has . or .. in it: write where it leads to"},
		{"unix:/run/x\n", 11, "the path of a socket has no control characters"},
	} {
		c.check(t)
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"8080", "5050/[1]/[path]", "a:80/x?y#z", "HTTPS://[::1]:8/", "[1]:[2]", "unix:/run/[1].s", "/[path]", "https://źdź.pl/ć%20[[?[query]", "[host]"} {
		f.Add(s)
	}
	p, err := ParsePattern("*.a.com/*/*")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text, Scope{}.With(p))
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) || syntax.Msg == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		m := request(t, "x.a.com:80", "/y/z?q=1")
		if !p.match(m) {
			t.Fatal("no match")
		}
		if target.Scheme == "unix" {
			if path, err := target.Socket(m); err == nil && !strings.HasPrefix(path, "/") {
				t.Fatalf("%q: socket %q", text, path)
			}
			return
		}
		host, port, err := target.Address(m)
		if err != nil {
			if target.Static() || !errors.Is(err, ErrCapture) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		location, err := target.URL(m)
		if err != nil {
			return
		}
		u, err := url.Parse(location)
		if err != nil {
			if target.Query == nil && target.Fragment == nil {
				t.Fatalf("%q: %q: %v", text, location, err)
			}
			return
		}
		if target.Host != nil && u.Hostname() != host || u.Port() != port || u.User != nil || target.Path == nil && u.Path != "" ||
			target.Scheme != "" && u.Scheme != target.Scheme || target.Query == nil && target.Fragment == nil && u.Fragment != "" {
			t.Fatalf("%q: %q is %+v", text, location, u)
		}
	})
}

package router

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// expand parses text behind pattern, and matches a request with it.
func expand(t *testing.T, text, patternText, header, path string) (*Target, *Match) {
	t.Helper()
	p := pattern(t, patternText)
	target, err := ParseTarget(text, Scope{}.With(p))
	if err != nil {
		t.Fatalf("target %q: %v", text, err)
	}
	m := request(t, header, path)
	if !p.match(m) {
		t.Fatalf("%q does not match %q %q", patternText, header, path)
	}
	return target, m
}

const refused = "refused"

// result makes an error the text "refused", if it is the one it must be.
func result(text string, err error) string {
	switch {
	case err == nil:
		return text
	case errors.Is(err, ErrCapture):
		return refused
	}
	return err.Error()
}

func TestTargetAddress(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		// fixed
		{"8080", "*", "a.com", "/", ":8080"},
		{"08080", "*", "a.com", "/", ":8080"},
		{"10.0.0.5:8080", "*", "a.com", "/", "10.0.0.5:8080"},
		{"App.local:8080/x", "*", "a.com", "/", "app.local:8080"},
		{"źdźbło.pl:80", "*", "a.com", "/", "xn--dbo-iwa1zb.pl:80"},
		{"https://a.com", "*", "b.com", "/", "a.com:"},
		{"[::1]:8080", "*", "a.com", "/", "::1:8080"},
		{"http://[0::1]", "*", "a.com", "/", "::1:"},
		{"/x", "*", "a.com", "/", ":"},
		{"unix:/run/app.sock", "*", "a.com", "/", ":"},
		// from the request
		{"[1]:[2]", "/ssh/*/*", "a.com", "/ssh/db/22", "db:22"},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/DB", "db.lan:22"},
		{"[1].lan:22", "*.a.com", "x.y.a.com", "/", "x.y.lan:22"},
		{"[1]:22", "*", "a.com:8080", "/", "a.com:22"},
		{"[host]:22", "/", "a.com:8080", "/", "a.com:22"},
		{"https://[host]:8443/[path]", "*", "[::1]:80", "/", "::1:8443"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/::1", "::1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[::1]", "::1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/10.0.0.1", "10.0.0.1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/db.", "db:22"},
		{"a.com:80[1]", "/p/*", "a.com", "/p/80", "a.com:8080"},
		{"[sub]-[2].lan:22", `^(?P<sub>.+)\.a\.com/*`, "x.a.com", "/y", "x-y.lan:22"},
		// what does not fit
		{"[1]:22", "*", "", "/", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a/b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a:80", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/me@a", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%23", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%3Fb", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%252e", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%20b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[2]", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a..b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/ź", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/fe80::1%25eth0", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[::1", refused},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/::1", refused},
		{"[1].lan:22", "/ssh/x*", "a.com", "/ssh/x.", refused},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/a.", refused},
		{"[1][2]:22", "/*/*", "a.com", "/::/1", refused},
		{"a:[1]", "/p/*", "a.com", "/p/0", refused},
		{"a:[1]", "/p/*", "a.com", "/p/022", refused},
		{"a:[1]", "/p/*", "a.com", "/p/65536", refused},
		{"a:[1]", "/p/*", "a.com", "/p/22x", refused},
		{"a:[1]", "/p/*", "a.com", "/p/+22", refused},
		{"a:[1]", "/p/*", "a.com", "/p/", refused},
		{"a:[1]", "/p/*", "a.com", "/p/22%2F", refused},
		{"a:9[1]", "/p/*", "a.com", "/p/9999", refused},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		host, port, err := target.Address(m)
		if got := result(host+":"+port, err); got != c.want {
			t.Errorf("%q on %q %q: %s (%v), want %s", c.target, c.header, c.path, got, err, c.want)
		}
		if err != nil && (host != "" || port != "") {
			t.Errorf("%q on %q %q: %q and %q beside %v", c.target, c.header, c.path, host, port, err)
		}
	}
}

func TestTargetErrorQuotesAtMostAHundredCharacters(t *testing.T) {
	target, m := expand(t, "[1]:22", "/*", "a.com", "/"+strings.Repeat("x!", 1000))
	_, _, err := target.Address(m)
	want := `a part of the request does not fit its place in the target: "` + strings.Repeat("x!", 50) + `" is not a plain host name or IP address`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestTargetStatic(t *testing.T) {
	p := pattern(t, "*.a.com/*")
	for text, want := range map[string]bool{
		"8080": true, "a:80/[path]": true, "https://a/[1]?[query]": true, "unix:/x": true, "/[1]": true,
		"[1]:80": false, "[host]": false, "a:[rest]": false, "https://a.[1]/": false, "unix:/[1]": false,
	} {
		target, err := ParseTarget(text, Scope{}.With(p))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if target.Static() != want || target.FromRequest() == want {
			t.Errorf("%q: Static is %v", text, target.Static())
		}
	}
}

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

func TestTargetRequestURI(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"8080", "*", "a.com", "/a%20b?q=1", "/a%20b?q=1"},
		{"8080", "*", "a.com", "/a%20b", "/a%20b"},
		{"8080", "*", "a.com", "/x//y?q=%zz&ć", "/x/y?q=%zz&ć"},
		{"8080", "*", "a.com", "/x?a b", "/x?a%20b"},
		{"8080/", "*", "a.com", "/x?q=1", "/?q=1"},
		{"8080/x", "*", "a.com", "/y", "/x"},
		{"unix:/run/a.sock", "*", "a.com", "/x?q", "/x?q"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/t?q=1", "/abc/t?q=1"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/", "/abc/"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/t%2Fu", "/abc/t%2Fu"},
		{"5050/[1]/[path]", "*?.domain.com", "domain.com", "/t", "/t"},
		{"5050/x/[1]/[path]", "*?.domain.com", "domain.com", "/t", "/x//t"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/x/y%20z;a=%3Db", "/v1/x/y%20z;a==b"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/100%25?x", "/v1/100%25?x"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/%252e%252e/x", "/v1/%252e%252e/x"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/a%23b%3Fc%22", "/v1/a%23b%3Fc%22"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/a%2fb", "/v1/a%2Fb"},
		{"a/[1]e", `/^(.*%2)5.*`, "a.com", "/x%252e", "/x%252e"}, // cut in the middle of %25
		{"a/x?k=v", "*", "a.com", "/y", "/x?k=v"},
		{"a/x?k=v", "*", "a.com", "/y?q=1", "/x?k=v&q=1"},
		{"a?k=v", "*", "a.com", "/y?q=1", "/y?k=v&q=1"},
		{"a/x?[query]&k=v", "*", "a.com", "/y?q=1", "/x?q=1&k=v"},
		{"a/x?k=[rest]", "/*", "a.com", "/a&b=c%25/%C4%87+", "/x?k=a%26b%3Dc%25%2F%C4%87%2B"},
		{"a/x?u=[path]", "/*", "a.com", "/a%20b?q=1&r", "/x?u=a%2520b%3Fq%3D1%26r"},
		{"a/[1]", "*", "[::1]", "/", "/%5B::1%5D"},
		// no way up
		{"a/x/[1][2]/y", "/*.a/x*", "a.com", "/..a/x.", refused},
		{"a/x/[1]", "/x*", "a.com", "/x..", refused},
		{"a/x/[1]/y", "/x*", "a.com", "/x.", refused},
		{"a/x/[1];a/y", "/x*", "a.com", "/x..", refused},
		{"a/x/%2e[1]/y", "/x*", "a.com", "/x.", refused},
		{"a/x/[1]", "/x*", "a.com", "/x...", "/x/..."},
		{"a/x/[1]b", "/x*", "a.com", "/x..", "/x/..b"},
		// a single pass
		{"a/[1]/[2]", "/*/*", "a.com", "/[2]/b", "/%5B2%5D/b"},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.RequestURI(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
}

func TestTargetURL(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"https://[1]/[path]", "*", "a.com:80", "/x/y?q=1", "https://a.com/x/y?q=1"},
		{"https://[1]/[path]", "*", "[::1]:80", "/", "https://[::1]/"},
		{"https://[1]/[path]", "*", "", "/", refused},
		{"https://[host]:8443/[path]", "*", "[::1]:80", "/", "https://[::1]:8443/"},
		{"https://b.com", "*", "a.com", "/x?q=1", "https://b.com"},
		{"https://b.com/", "*", "a.com", "/x?q=1", "https://b.com/"},
		{"https://b.com/new", "*", "a.com", "/x?q=1", "https://b.com/new"},
		{"https://b.com/new?k=v", "*", "a.com", "/x?q=1", "https://b.com/new?k=v"},
		{"https://b.com/[path]?k=v", "*", "a.com", "/x?q=1", "https://b.com/x?k=v&q=1"},
		{"https://b.com/[path]?[query]", "*", "a.com", "/x?q=1", "https://b.com/x?q=1"},
		{"https://b.com/n?[query]", "*", "a.com", "/x?q=1", "https://b.com/n?q=1"},
		{"https://b.com/login?next=/[path]", "*", "a.com", "/x?q=1&r=2", "https://b.com/login?next=/x%3Fq%3D1%26r%3D2"},
		{"https://b.com/#/[path]", "*", "a.com", "/x?q=1", "https://b.com/#/x?q=1"},
		{"https://b.com/#[rest]", "/*", "a.com", "/x/y%20%22", "https://b.com/#x/y%20%22"},
		{"b.com:8080/[path]", "*", "a.com", "/x", "http://b.com:8080/x"},
		{"8443/[path]", "*", "a.com:8080", "/x", "http://a.com:8443/x"},
		{"8443/[path]", "*", "[::1]:8080", "/x", "http://[::1]:8443/x"},
		{"8443/[path]", "*", "", "/x", refused},
		{"[1]:[2]/", "/*/*", "a.com", "/::1/22", "http://[::1]:22/"},
		// never another host
		{"/[path]", "*", "a.com", "//evil.com", "/evil.com"},
		{"/[path]", "*", "a.com", "/evil.com", "/evil.com"},
		{"/[1]/[path]", "*?.a.com", "a.com", "/evil.com", "/evil.com"},
		{"/[1][2]/[path]", "/*/*", "a.com", "/x", "/x/x"},
		{"/[rest]/evil.com", "/*", "a.com", "/", "/evil.com"},
		{"/new/[rest]", "/old/*", "a.com", "/old/x?q=1", "/new/x"},
		// a clean Location
		{"/[path]", "*", "a.com", "/ć\"<?a b\"<>ć#", "/%C4%87\"<?a%20b%22%3C%3E%C4%87%23"},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.URL(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
	target, m := expand(t, "b.com", "*", "a.com", "/")
	m.TLS = true
	if got, err := target.URL(m); got != "https://b.com" || err != nil {
		t.Errorf("with TLS: %q, %v", got, err)
	}
}

func TestTargetURLHasNoControlCharacters(t *testing.T) {
	p := pattern(t, "/*")
	m := &Match{Host: "a.com", Path: "/x\r\ny", Forward: "/x", Query: "a\r\nSet-Cookie: b"}
	if !p.match(m) {
		t.Fatal("no match")
	}
	for text, want := range map[string]string{
		"/[path]":               "/x?a%0D%0ASet-Cookie:%20b",
		"/[rest]?[query]":       "/x%0D%0Ay?a%0D%0ASet-Cookie:%20b",
		"https://b/?[rest]":     "https://b/?x%0D%0Ay",
		"https://b/#[rest]":     "https://b/#x%0D%0Ay",
		"https://[rest]/[path]": refused,
	} {
		target, err := ParseTarget(text, Scope{}.With(p))
		if err != nil {
			t.Fatal(err)
		}
		if got := result(target.URL(m)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTargetSocket(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"unix:/run/app.sock", "*", "a.com", "/", "/run/app.sock"},
		{"unix:/run/[1].sock", "*.a.com", "x.y.a.com", "/", "/run/x.y.sock"},
		{"unix:/run/[1]/s", "/*/*", "a.com", "/App_1-b/", "/run/App_1-b/s"},
		{"unix:/run/[1].sock", "/*", "a.com", "/", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a/b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a%20b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a%25b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/~b", refused},
		{"unix:/run/[1]/s", "/x*", "a.com", "/x..", refused},
		{"unix:/run/[1]/s", "/x*", "a.com", "/x.", refused},
		{"unix:/run/.[1]/s", "/x*", "a.com", "/x.", refused},
		{"unix:/run/[1].sock", "*", "[::1]", "/", refused},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.Socket(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
}

func TestParseTargetErrors(t *testing.T) {
	p := pattern(t, "*.a.com/*/*")
	for _, c := range []struct {
		target string
		offset int
		msg    string
	}{
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
		_, err := ParseTarget(c.target, Scope{}.With(p))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != c.offset || syntax.Msg != c.msg {
			t.Errorf("ParseTarget(%q):\n got %+v\nwant {%d %s}", c.target, syntax, c.offset, c.msg)
		}
	}
}

func TestTargetAllocations(t *testing.T) {
	for _, c := range []struct {
		target, path string
		most         float64
	}{
		{"8080", "/x/y", 0},
		{"8080/z", "/x/y", 0},
		{"8080", "/x/y?q=1", 1},
		{"[1]:[2]", "/db/22", 1}, // the port's text
	} {
		target, m := expand(t, c.target, "/*/*", "a.com", c.path)
		n := testing.AllocsPerRun(100, func() {
			_, _, _ = target.Address(m)
			_, _ = target.RequestURI(m)
		})
		if n > c.most {
			t.Errorf("%q on %q: %v allocations", c.target, c.path, n)
		}
	}
}

// FuzzTemplate checks that the target decides where a request goes, whatever
// the request says.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a", "a.b", "::1", "me@x", "x/../y", "a%25b", "1:2", "a b", "\r\n", "//e", `\e`, "[1]", "ź", "?#"} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, host, one, two, query string) {
		p, err := ParsePattern("*/x*x/*")
		if err != nil {
			t.Fatal(err)
		}
		// What the patterns see is canonical; what a regexp cuts from it may be
		// anything, so the captures are as they come.
		m := &Match{Host: host, Path: "/x" + one + "x/" + two, Query: query, captures: []string{host, one, two}}
		m.Forward = string(appendAllowed([]byte("/x/"), strings.TrimLeft(two, "/"), pathByte))
		for _, text := range []string{
			"https://a.com:8443/p/[2]/[3]/q", "https://a.com:8443/[path]", "https://a.com:8443/[2][3]?k=[1]&[query]#[3][path]",
			"https://a.com:8443/[3]?next=[path]", "https://[1].a.com:8443/[2]", "https://[2]-[3].a.com:8443/p", "https://a.com:8443?[3]",
		} {
			target, err := ParseTarget(text, Scope{}.With(p))
			if err != nil {
				t.Fatal(err)
			}
			uri, err := target.RequestURI(m)
			if err == nil && (!strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") || strings.ContainsAny(uri, " \r\n\t#")) {
				t.Fatalf("%q: RequestURI %q", text, uri)
			}
			location, err := target.URL(m)
			if err != nil {
				if !errors.Is(err, ErrCapture) {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			for i := range len(location) {
				if location[i] <= ' ' || location[i] >= 0x7f {
					t.Fatalf("%q: %q", text, location)
				}
			}
			u, err := url.Parse(location)
			if err != nil {
				if target.Query == nil && target.Fragment == nil {
					t.Fatalf("%q: %q: %v", text, location, err)
				}
				continue
			}
			if u.Scheme != "https" || u.Port() != "8443" || u.User != nil ||
				u.Hostname() != "a.com" && !strings.HasSuffix(u.Hostname(), ".a.com") ||
				target.Fragment == nil && u.Fragment != "" || target.Path != nil && hasDotSegment(u.Path) {
				t.Fatalf("%q: %q is %+v", text, location, u)
			}
			if strings.Contains(text, "/p/") && (!strings.HasPrefix(u.Path, "/p/") || !strings.HasSuffix(u.Path, "/q")) {
				t.Fatalf("%q: %q", text, location)
			}
		}
	})
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

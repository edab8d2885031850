package router

import (
	"testing"
)

func TestPatternLiteralHost(t *testing.T) {
	for _, c := range []struct {
		pattern, header string
		captures        []string
	}{
		// literal
		{"a.com", "a.com", nil},
		{"a.com", "A.COM.:8080", nil},
		{"A.Com.", "a.com", nil},
		{"a.com", "b.a.com", no},
		{"a.com", "", no},
		{"localhost", "localhost:80", nil},
		{"my_host", "my_host", nil},
		{"źdźbło.pl", "xn--dbo-iwa1zb.pl", nil},
		{"źdźbło.pl", "ŹDŹBŁO.pl", nil},
		{"xn--dbo-iwa1zb.pl", "źdźbło.pl", nil},
		{"10.0.0.1", "10.0.0.1:80", nil},
		{"[::1]", "[0::1]:80", nil},
		{"[0:0::1]", "[::1]", nil},
		{"[::1]:8080", "[::1]:8080", nil},
		{"[::1]:8080", "[::1]", no},
		// ports
		{"a.com:8443", "a.com:8443", nil},
		{"a.com:8443", "a.com", no},
		{"a.com:8443", "a.com:8444", no},
		{"a.com:80", "a.com", nil}, // http's default
		{"a.com:443", "a.com", no},
		{"*:8080", "x.y:8080", []string{"x.y"}},
		{"*:8080", "x.y", no},
		{"*.a.com:8443", "x.a.com:8443", []string{"x"}},
		{"*.a.com:8443", "x.a.com:443", no},
		{`^(.+)\.a\.com:8443`, "x.a.com:8443", []string{"x"}},
		{`^(.+)\.a\.com:8443`, "x.a.com", no},
	} {
		checkMatch(t, c.pattern, c.header, "/", c.captures)
	}
}

func TestPatternWildcardHost(t *testing.T) {
	for _, c := range []struct {
		pattern, header string
		captures        []string
	}{
		// * alone
		{"*", "a.com:8080", []string{"a.com"}},
		{"*", "[::1]:8080", []string{"[::1]"}},
		{"*", "", []string{""}},
		{"*.", "a.b", []string{"a.b"}},
		// *. in front
		{"*.a.com", "x.a.com", []string{"x"}},
		{"*.a.com", "x.y.a.com", []string{"x.y"}},
		{"*.a.com", "a.com", no},
		{"*.a.com", "xa.com", no},
		{"*.a.com", "x.a.com.evil.org", no},
		{"*.A.com.", "X.a.com.", []string{"x"}},
		{"*.źdźbło.pl", "x.xn--dbo-iwa1zb.pl", []string{"x"}},
		{"*.com", "a.b.com", []string{"a.b"}},
		{"*.0.1", "10.0.0.1", []string{"10.0"}},
		// *?. in front
		{"*?.a.com", "x.y.a.com", []string{"x.y"}},
		{"*?.a.com", "a.com", []string{""}},
		{"*?.a.com", "ba.com", no},
		{"*?.a.com", "", no},
		// .*? at the end
		{"a.*?", "a", []string{""}},
		{"a.*?", "a.x", []string{"x"}},
		{"a.*?", "a.x.y", no},
		{"a.*?", "b", no},
		{"a.*?", "ab", no},
		{"*?.a.*?", "a", []string{"", ""}},
		{"*?.a.*?", "a.x", []string{"", "x"}},
		{"*?.a.*?", "y.a.x", []string{"y", "x"}},
		{"*?.a.*?", "a.a", []string{"a", ""}},
		{"*.a.*?", "a.a", []string{"a", ""}},
		{"*.a.*?", "a", no},
		// one label elsewhere
		{"a.*", "a.x", []string{"x"}},
		{"a.*", "a.x.y", no},
		{"a.*", "a", no},
		{"a.*.com", "a.x.com", []string{"x"}},
		{"a.*.com", "a.x.y.com", no},
		{"*.*.a.com", "1.2.3.a.com", []string{"1.2", "3"}},
		{"*.*.a.com", "1.2.a.com", []string{"1", "2"}},
		{"*.*.a.com", "1.a.com", no},
		{"*.*", "a.b.c", []string{"a.b", "c"}},
		{"*.*", "a", no},
		{"*.*", "[::ffff:1.2.3.4]", no},
		{"*.a.*", "x.y.a.z", []string{"x.y", "z"}},
		// inside a label
		{"app-*.a.com", "app-x.a.com", []string{"x"}},
		{"app-*.a.com", "app-.a.com", no},
		{"app-*.a.com", "app-x.y.a.com", no},
		{"*-app.a.com", "x-app.a.com", []string{"x"}},
		{"App-*-1.a.com", "app-x-1.a.com", []string{"x"}},
		{"a*a", "aa", no},
	} {
		checkMatch(t, c.pattern, c.header, "/", c.captures)
	}
}

func TestPatternRegexpHost(t *testing.T) {
	for _, c := range []struct {
		pattern, header string
		captures        []string
	}{
		// regexps
		{`^(?P<sub>.+)\.a\.com$`, "x.y.a.com", []string{"x.y"}},
		{`^a`, "ab", no},
		{`^b`, "ab", no},
		{`^a|b`, "b", nil},
		{`^a|b`, "bc", no},
		{`^A(B)?\.com`, "ab.com", []string{"b"}},
		{`^a(b)?\.com`, "a.com", []string{""}},
		{`^\[::\d\]`, "[::1]", nil},
		{`^(.*)`, "", []string{""}},
	} {
		checkMatch(t, c.pattern, c.header, "/", c.captures)
	}
}

func TestPatternPortDefaultsToTheScheme(t *testing.T) {
	m := request(t, "a.com", "/")
	m.TLS = true
	if !pattern(t, "a.com:443").match(m) || pattern(t, "a.com:80").match(m) {
		t.Error("a Host header without port means 443 with TLS")
	}
}

func TestLiteralHost(t *testing.T) {
	for _, c := range []struct {
		pattern, host, port string
		ok                  bool
	}{
		{"A.com./x", "a.com", "", true},
		{"źdźbło.pl:8443", "xn--dbo-iwa1zb.pl", "8443", true},
		{"[0::1]:80", "[::1]", "80", true},
		{"*", "", "", false},
		{"*:80", "", "80", false},
		{"/x", "", "", false},
		{"*.a.com", "", "", false},
		{"^a", "", "", false},
	} {
		if host, port, ok := pattern(t, c.pattern).LiteralHost(); host != c.host || port != c.port || ok != c.ok {
			t.Errorf("%q: %q, %q, %v", c.pattern, host, port, ok)
		}
	}
}

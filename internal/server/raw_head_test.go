package server

import (
	"strings"
	"testing"
)

// with is a GET with these header lines behind Host.
func with(headers string) string { return "GET /g HTTP/1.1\r\nHost: a.com\r\n" + headers + "\r\n" }

// line is a request with this request line.
func line(l string) string { return l + "\r\nHost: a.com\r\n\r\n" }

func TestRawRequestLine(t *testing.T) {
	runRaw(t, []rawCase{
		{"a path", line("GET /g HTTP/1.1"), "200", true, "GET /g a.com"},
		{"a query", line("GET /g?a=b&c=/../d HTTP/1.1"), "200", true, "GET /g?a=b&c=/../d a.com"},
		{"a method of one's own", line("PURGE /g HTTP/1.1"), "200", true, "PURGE /g a.com"},
		{"OPTIONS with a path", line("OPTIONS /g HTTP/1.1"), "200", true, "OPTIONS /g a.com"},
		{"OPTIONS with *, which net/http answers", line("OPTIONS * HTTP/1.1"), "200", true, ""},
		{"HTTP/1.0", line("GET /g HTTP/1.0"), "200", false, "GET /g a.com"},
		{"HTTP/1.0 that keeps alive", "GET /g HTTP/1.0\r\nHost: a.com\r\nConnection: keep-alive\r\n\r\n", "200", true, "GET /g a.com"},
		{"an empty line before", "\r\n" + line("GET /g HTTP/1.1"), "200", true, "GET /g a.com"},
		{"an empty line between", line("GET /g HTTP/1.1") + "\r\n" + line("GET /h HTTP/1.1"), "200 200", true, "GET /g a.com; GET /h a.com"},
		{"an empty line behind a body", post("Content-Length: 2\r\n", "hi") + "\r\n" + line("GET /h HTTP/1.1"), "200 200", true, "POST /p a.com hi; GET /h a.com"},
		{"a URL in another script", line("GET /\u017c HTTP/1.1"), "200", true, "GET /%C5%BC a.com"},

		{"two empty lines before", "\r\n\r\n" + line("GET /g HTTP/1.1"), "400", false, ""},
		{"LF before", "\n" + line("GET /g HTTP/1.1"), "400", false, ""},
		{"CR before", "\r" + line("GET /g HTTP/1.1"), "400", false, ""},
		{"a space before", line(" GET /g HTTP/1.1"), "400", false, ""},
		{"two spaces behind the method", line("GET  /g HTTP/1.1"), "400", false, ""},
		{"two spaces before the version", line("GET /g  HTTP/1.1"), "400", false, ""},
		{"a tab for a space", line("GET\t/g HTTP/1.1"), "400", false, ""},
		{"a tab before the version", line("GET /g\tHTTP/1.1"), "400", false, ""},
		{"a space in the path", line("GET /g h HTTP/1.1"), "400", false, ""},
		{"a space behind the version", line("GET /g HTTP/1.1 "), "400", false, ""},
		{"no version", line("GET /g"), "400", false, ""},
		{"no path", line("GET HTTP/1.1"), "400", false, ""},
		{"only a method", "GET\r\n\r\n", "400", false, ""},
		{"a method with a colon", line("GET: /g HTTP/1.1"), "400", false, ""},
		{"a method with a slash", line("GE/T /g HTTP/1.1"), "400", false, ""},
		{"a method too long", line(strings.Repeat("G", 65) + " /g HTTP/1.1"), "400", false, ""},
		{"HTTP/0.9", line("GET /g HTTP/0.9"), "505", false, ""},
		{"HTTP/1.2", line("GET /g HTTP/1.2"), "505", false, ""},
		{"HTTP/2.0", line("GET /g HTTP/2.0"), "505", false, ""},
		{"HTTP/3", line("GET /g HTTP/3"), "400", false, ""},
		{"HTTP/1.10", line("GET /g HTTP/1.10"), "400", false, ""},
		{"HTTP/01.1", line("GET /g HTTP/01.1"), "400", false, ""},
		{"in lower case", line("GET /g http/1.1"), "400", false, ""},
		{"another protocol", line("GET /g RTSP/1.0"), "400", false, ""},
		{"a control character in the path", line("GET /g\x01 HTTP/1.1"), "400", false, ""},
		{"NUL in the path", line("GET /g\x00 HTTP/1.1"), "400", false, ""},
		{"DEL in the path", line("GET /g\x7f HTTP/1.1"), "400", false, ""},
		{"CR in the line", line("GET /g\rX HTTP/1.1"), "400", false, ""},
		{"a fragment", line("GET /g#x HTTP/1.1"), "400", false, ""},
		{"half an escape", line("GET /g%2 HTTP/1.1"), "400", false, ""},
		{"an escape that is none", line("GET /g%zz HTTP/1.1"), "400", false, ""},
		{"a name for a path", line("GET g HTTP/1.1"), "400", false, ""},
		{"a query without a path", line("GET ?x HTTP/1.1"), "400", false, ""},
		{"* for GET", line("GET * HTTP/1.1"), "400", false, ""},
		{"*x for OPTIONS", line("OPTIONS *x HTTP/1.1"), "400", false, ""},
		{"CONNECT", line("CONNECT a.com:443 HTTP/1.1"), "405", false, ""},
		{"CONNECT with a path", line("CONNECT /g HTTP/1.1"), "405", false, ""},
		{"TRACE", line("TRACE /g HTTP/1.1"), "405", false, ""},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", false, ""},
		{"PRI in HTTP/1.1", line("PRI * HTTP/1.1"), "400", false, ""},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400", false, ""},
		{"a URI of 16 KiB", line("GET /" + strings.Repeat("x", 16<<10-1) + " HTTP/1.1"), "200", true, "GET /" + strings.Repeat("x", 16<<10-1) + " a.com"},
		{"a URI of more", line("GET /" + strings.Repeat("x", 16<<10) + " HTTP/1.1"), "414", false, ""},
		{"a URI without an end", "GET /" + strings.Repeat("x", 20<<10), "414", false, ""},
	})
}

func TestRawHeaderLines(t *testing.T) {
	runRaw(t, []rawCase{
		{"an empty value", with("X-A:\r\n"), "200", true, "GET /g a.com"},
		{"no space", with("X-A:b\r\n"), "200", true, "GET /g a.com"},
		{"much white space", with("X-A: \t b \t \r\n"), "200", true, "GET /g a.com"},
		{"bytes above ASCII in a value", with("X-A: \xc5\xbc\xff\r\n"), "200", true, "GET /g a.com"},
		{"every character of a token", with("!#$%&'*+-.^_`|~aZ0: b\r\n"), "200", true, "GET /g a.com"},
		{"a tab in a value", with("X-A: b\tc\r\n"), "200", true, "GET /g a.com"},
		{"101 lines with Host", "GET /g HTTP/1.1\r\nHost: a.com\r\n" + strings.Repeat("X: y\r\n", 99) + "\r\n", "200", true, "GET /g a.com"},

		{"more than 100 lines", with(strings.Repeat("X: y\r\n", 100)), "431", false, ""},
		{"more than 64 KiB", with("X: " + strings.Repeat("y", 64<<10) + "\r\n"), "431", false, ""},
		{"more than 64 KiB in many lines", with(strings.Repeat("X: "+strings.Repeat("y", 1<<10)+"\r\n", 65)), "431", false, ""},
		{"a line that ends in LF", with("X-A: b\n"), "400", false, ""},
		{"every line ends in LF", "GET /g HTTP/1.1\nHost: a.com\n\n", "400", false, ""},
		{"the empty line is LF", "GET /g HTTP/1.1\r\nHost: a.com\r\n\n", "400", false, ""},
		{"CR in a value", with("X-A: b\rX-C: d\r\n"), "400", false, ""},
		{"CR CR LF", with("X-A: b\r\r\n"), "400", false, ""},
		{"NUL in a value", with("X-A: b\x00c\r\n"), "400", false, ""},
		{"a bell in a value", with("X-A: b\x07c\r\n"), "400", false, ""},
		{"DEL in a value", with("X-A: b\x7fc\r\n"), "400", false, ""},
		{"NUL in a name", with("X\x00A: b\r\n"), "400", false, ""},
		{"a space in a name", with("X A: b\r\n"), "400", false, ""},
		{"a space before the colon", with("X-A : b\r\n"), "400", false, ""},
		{"no colon", with("X-A\r\n"), "400", false, ""},
		{"no name", with(": b\r\n"), "400", false, ""},
		{"a folded line", with("X-A: b\r\n c\r\n"), "400", false, ""},
		{"a line folded by a tab", with("X-A: b\r\n\tc\r\n"), "400", false, ""},
		{"a folded line first", "GET /g HTTP/1.1\r\n X-A: b\r\nHost: a.com\r\n\r\n", "400", false, ""},
		{"a line of white space", with(" \r\n"), "400", false, ""},
		{"bytes above ASCII in a name", with("X-\xc5\xbc: b\r\n"), "400", false, ""},
		{"parentheses in a name", with("X(A): b\r\n"), "400", false, ""},
		{"quotes in a name", with("\"X\": b\r\n"), "400", false, ""},
		{"a slash in a name", with("X/A: b\r\n"), "400", false, ""},
	})
}

func TestRawHosts(t *testing.T) {
	host := func(h string) string { return "GET /g HTTP/1.1\r\nHost: " + h + "\r\n\r\n" }
	whole := func(url, h string) string { return "GET " + url + " HTTP/1.1\r\nHost: " + h + "\r\n\r\n" }
	runRaw(t, []rawCase{
		{"a name", host("a.com"), "200", true, "GET /g a.com"},
		{"a port", host("a.com:8080"), "200", true, "GET /g a.com:8080"},
		{"no port behind a colon", host("a.com:"), "200", true, "GET /g a.com:"},
		{"an IPv4 address", host("192.0.2.1"), "200", true, "GET /g 192.0.2.1"},
		{"an IPv6 address", host("[2001:db8::1]:80"), "200", true, "GET /g [2001:db8::1]:80"},
		{"an underscore", host("a_b.com"), "200", true, "GET /g a_b.com"},
		{"a final dot", host("a.com."), "200", true, "GET /g a.com."},
		{"HTTP/1.0 without one", "GET /g HTTP/1.0\r\n\r\n", "200", false, "GET /g BACKEND"},
		{"a whole URL", whole("http://a.com/g?x", "a.com"), "200", true, "GET /g?x a.com"},
		{"a whole URL in capitals", whole("HTTP://A.com/g", "a.COM"), "200", true, "GET /g A.com"},
		{"a whole URL with https", whole("https://a.com/g", "a.com"), "200", true, "GET /g a.com"},
		{"a whole URL without a path", whole("http://a.com", "a.com"), "200", true, "GET / a.com"},
		{"a whole URL with a port", whole("http://a.com:81/g", "a.com:81"), "200", true, "GET /g a.com:81"},

		{"none", "GET /g HTTP/1.1\r\n\r\n", "400", false, ""},
		{"empty", host(""), "400", false, ""},
		{"two", "GET /g HTTP/1.1\r\nHost: a.com\r\nHost: b.com\r\n\r\n", "400", false, ""},
		{"two that agree", "GET /g HTTP/1.1\r\nHost: a.com\r\nhost: a.com\r\n\r\n", "400", false, ""},
		{"two in HTTP/1.0", "GET /g HTTP/1.0\r\nHost: a.com\r\nHost: b.com\r\n\r\n", "400", false, ""},
		{"a list", host("a.com, b.com"), "400", false, ""},
		{"a port that is none", host("a.com:80x"), "400", false, ""},
		{"a port too large", host("a.com:65536"), "400", false, ""},
		{"a port below zero", host("a.com:-1"), "400", false, ""},
		{"two ports", host("a.com:80:80"), "400", false, ""},
		{"a port alone", host(":80"), "400", false, ""},
		{"half a bracket", host("[::1"), "400", false, ""},
		{"the other half", host("::1]"), "400", false, ""},
		{"no brackets", host("::1"), "400", false, ""},
		{"empty brackets", host("[]"), "400", false, ""},
		{"a name in brackets", host("[a.com]"), "400", false, ""},
		{"something behind brackets", host("[::1]x"), "400", false, ""},
		{"a slash", host("a.com/x"), "400", false, ""},
		{"a backslash", host("a.com\\x"), "400", false, ""},
		{"a user", host("u@a.com"), "400", false, ""},
		{"a query", host("a.com?x"), "400", false, ""},
		{"a fragment", host("a.com#x"), "400", false, ""},
		{"a space", host("a .com"), "400", false, ""},
		{"a scheme", host("http://a.com"), "400", false, ""},
		{"a whole URL with another host", whole("http://a.com/g", "b.com"), "400", false, ""},
		{"a whole URL with another port", whole("http://a.com:81/g", "a.com"), "400", false, ""},
		{"a whole URL without Host", "GET http://a.com/g HTTP/1.1\r\n\r\n", "400", false, ""},
		{"a whole URL with a user", whole("http://u@a.com/g", "a.com"), "400", false, ""},
		{"a whole URL of a file", whole("file:///etc/passwd", "a.com"), "400", false, ""},
		{"a whole URL without a host", whole("http:///g", "a.com"), "400", false, ""},
		{"a whole URL of another scheme", whole("ftp://a.com/g", "a.com"), "400", false, ""},
		{"a whole URL with a bad port", whole("http://a.com:x/g", "a.com:x"), "400", false, ""},
	})
}

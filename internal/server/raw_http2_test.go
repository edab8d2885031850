package server

import (
	"strings"
	"testing"
)

const protocolError = "RESET PROTOCOL_ERROR"

func TestRawHTTP2PseudoFields(t *testing.T) {
	runRawHTTP2(t, []rawStream{
		{"a request", stream(), "", "200", "GET /g a.com"},
		{"a method of one's own", stream(":method: PURGE"), "", "200", "PURGE /g a.com"},
		{"a query", stream(":path: /g?a=b&c=/../d"), "", "200", "GET /g?a=b&c=/../d a.com"},
		{"two slashes first, which is no host", stream(":path: //b.com/g"), "", "200", "GET /b.com/g a.com"},
		{"OPTIONS with *, which net/http answers", stream(":method: OPTIONS", ":path: *"), "", "200", ""},

		{"no method", stream("-:method"), "", protocolError, ""},
		{"an empty method", stream(":method: "), "", protocolError, ""},
		{"two methods", append([]string{":method: GET"}, stream()...), "", protocolError, ""},
		{"a method with a request in it", stream(":method: GET /admin HTTP/1.1"), "", "400", ""},
		{"a method with a tab", stream(":method: GET\t/admin"), "", "400", ""},
		{"a method with a line break", stream(":method: GET / HTTP/1.1\r\nX: y"), "", protocolError, ""},
		{"a method with a slash", stream(":method: GE/T"), "", "400", ""},
		{"TRACE", stream(":method: TRACE"), "", "405", ""},
		{"CONNECT", stream(":method: CONNECT", "-:scheme", "-:path"), "", "405", ""},
		{"CONNECT with a path", stream(":method: CONNECT"), "", protocolError, ""},
		{"CONNECT without a host", stream(":method: CONNECT", "-:scheme", "-:path", "-:authority"), "", protocolError, ""},
		{"CONNECT to websocket, which is not offered", stream(":method: CONNECT", ":protocol: websocket"), "", protocolError, ""},
		{"a protocol without CONNECT", stream(":protocol: websocket"), "", protocolError, ""},

		{"no path", stream("-:path"), "", protocolError, ""},
		{"an empty path", stream(":path: "), "", protocolError, ""},
		{"two paths", append([]string{":path: /h"}, stream()...), "", protocolError, ""},
		{"* for GET", stream(":path: *"), "", "400", ""},
		{"*x for OPTIONS", stream(":method: OPTIONS", ":path: *x"), "", protocolError, ""},
		{"a path without a slash", stream(":path: g"), "", protocolError, ""},
		{"a query without a path", stream(":path: ?x"), "", protocolError, ""},
		{"a whole URL", stream(":path: https://a.com/g"), "", "400", ""},
		{"a whole URL of another host", stream(":path: https://b.com/g"), "", "400", ""},
		{"a URL without slashes", stream(":path: x:y"), "", "400", ""},
		{"a fragment", stream(":path: /g#x"), "", "400", ""},
		{"a space in the path", stream(":path: /g h"), "", "400", ""},
		{"a request line in the query", stream(":path: /g?x HTTP/1.1"), "", "400", ""},
		{"a tab in the query", stream(":path: /g?x\ty"), "", protocolError, ""},
		{"a line break in the query", stream(":path: /g?x HTTP/1.1\r\nHost: b.com"), "", protocolError, ""},
		{"NUL in the path", stream(":path: /g\x00"), "", protocolError, ""},
		{"DEL in the path", stream(":path: /g\x7f"), "", protocolError, ""},
		{"half an escape", stream(":path: /g%2"), "", protocolError, ""},
		{"a path of 16 KiB", stream(":path: /" + strings.Repeat("x", 16<<10-1)), "", "200", "GET /" + strings.Repeat("x", 16<<10-1) + " a.com"},
		{"a path of more", stream(":path: /" + strings.Repeat("x", 16<<10)), "", "414", ""},

		{"no scheme", stream("-:scheme"), "", protocolError, ""},
		{"http, which net/http takes for https", stream(":scheme: http"), "", "200", "GET /g a.com"},
		{"another scheme", stream(":scheme: ftp"), "", protocolError, ""},
		{"the scheme in upper case", stream(":scheme: HTTPS"), "", protocolError, ""},
		{"a scheme with a host", stream(":scheme: https://b.com/"), "", protocolError, ""},

		{"one that there is not", stream(":port: 80"), "", protocolError, ""},
		{"one of responses", stream(":status: 200"), "", protocolError, ""},
		{"one behind the fields", []string{":method: GET", ":scheme: https", "x-a: b", ":path: /g", ":authority: a.com"}, "", protocolError, ""},
	})
}

func TestRawHTTP2Host(t *testing.T) {
	runRawHTTP2(t, []rawStream{
		{"a port", stream(":authority: a.com:8443"), "", "200", "GET /g a.com:8443"},
		{"an IPv6 address", stream(":authority: [::1]:80"), "", "200", "GET /g [::1]:80"},
		{"Host alone", stream("-:authority", "host: a.com"), "", "200", "GET /g a.com"},
		{"both the same", stream("host: a.com"), "", "200", "GET /g a.com"},
		{"both the same but for case", stream("host: A.com"), "", "200", "GET /g a.com"},

		{"neither", stream("-:authority"), "", "400", ""},
		{"an empty one", stream(":authority: "), "", "400", ""},
		{"an empty Host alone", stream("-:authority", "host: "), "", "400", ""},
		{"two", append([]string{":authority: b.com"}, stream()...), "", protocolError, ""},
		{"another Host", stream("host: b.com"), "", "400", ""},
		{"an empty Host beside", stream("host: "), "", "400", ""},
		{"a Host with a port beside one without", stream("host: a.com:80"), "", "400", ""},
		{"two Hosts", stream("-:authority", "host: a.com", "host: b.com"), "", "400", ""},
		{"two Hosts that are the same", stream("host: a.com", "host: a.com"), "", "400", ""},
		{"a port that is none", stream(":authority: a:80x"), "", "400", ""},
		{"a port too high", stream(":authority: a:65536"), "", "400", ""},
		{"a port alone", stream(":authority: :80"), "", "400", ""},
		{"half an IPv6 address", stream(":authority: [::1"), "", "400", ""},
		{"a slash", stream(":authority: a.com/g"), "", "400", ""},
		{"a query", stream(":authority: a.com?x"), "", "400", ""},
		{"a space", stream(":authority: a.com b.com"), "", "400", ""},
		{"a comma", stream(":authority: a.com,b.com"), "", "400", ""},
		{"a scheme", stream(":authority: https://a.com"), "", "400", ""},
		{"a user", stream(":authority: me@a.com"), "", protocolError, ""},
		{"a user in Host", stream("-:authority", "host: me@a.com"), "", protocolError, ""},
		{"a user in Host beside", stream("host: me@a.com"), "", "400", ""},
		{"a line break", stream(":authority: a.com\r\nX: y"), "", protocolError, ""},
	})
}

func TestRawHTTP2Fields(t *testing.T) {
	runRawHTTP2(t, []rawStream{
		{"TE: trailers", stream("te: trailers"), "", "200", "GET /g a.com"},
		{"cookies in pieces", stream("cookie: a=b", "cookie: c=d"), "", "200", "GET /g a.com"},
		{"a name with an underscore, which is dropped", stream("content_length: 5"), "", "200", "GET /g a.com"},
		{"100 fields", stream(strings.Split(strings.Repeat("x-a: b\n", 99)+"x-a: b", "\n")...), "", "200", "GET /g a.com"},

		{"another TE", stream("te: gzip"), "", "400", ""},
		{"trailers and another TE", stream("te: trailers, gzip"), "", "400", ""},
		{"two TE", stream("te: trailers", "te: trailers"), "", "400", ""},
		{"Connection", stream("connection: keep-alive"), "", "400", ""},
		{"Connection: close", stream("connection: close"), "", "400", ""},
		{"an empty Connection", stream("connection: "), "", "400", ""},
		{"Keep-Alive", stream("keep-alive: timeout=5"), "", "400", ""},
		{"Proxy-Connection", stream("proxy-connection: keep-alive"), "", "400", ""},
		{"Transfer-Encoding", stream(":method: POST", "transfer-encoding: chunked"), "0\r\n\r\n", "400", ""},
		{"Upgrade", stream("upgrade: websocket"), "", "400", ""},
		{"Upgrade to h2c", stream("upgrade: h2c", "http2-settings: AAAA"), "", "400", ""},

		{"a name in upper case", stream("X-A: b"), "", protocolError, ""},
		{"a name with a space", stream("x a: b"), "", protocolError, ""},
		{"a name that ends in a space", stream("content-length : 5"), "", protocolError, ""},
		{"a name with a colon", stream("x:a: b"), "", protocolError, ""},
		{"a name with a line break", stream("x\r\ny: b"), "", protocolError, ""},
		{"a name with NUL", stream("x\x00: b"), "", protocolError, ""},
		{"an empty name", append(stream(), ""), "", protocolError, ""},
		{"CR in a value", stream("x-a: b\rc"), "", protocolError, ""},
		{"LF in a value", stream("x-a: b\nc"), "", protocolError, ""},
		{"a header in a value", stream("x-a: b\r\nx-forwarded-for: 1.2.3.4"), "", protocolError, ""},
		{"NUL in a value", stream("x-a: b\x00c"), "", protocolError, ""},
		{"101 fields", stream(strings.Split(strings.Repeat("x-a: b\n", 100)+"x-a: b", "\n")...), "", "431", ""},
		{"more than 64 KiB", stream(strings.Split(strings.Repeat("x-a: "+strings.Repeat("b", 12<<10)+"\n", 5)+"x-a: "+strings.Repeat("c", 5<<10), "\n")...), "", "431", ""},
	})
}

func TestRawHTTP2Length(t *testing.T) {
	post := func(changes ...string) []string { return stream(append([]string{":method: POST"}, changes...)...) }
	runRawHTTP2(t, []rawStream{
		{"none", post(), "hello", "200", "POST /g a.com hello"},
		{"the right one", post("content-length: 5"), "hello", "200", "POST /g a.com hello"},
		{"0 without a body", post("content-length: 0"), "", "200", "POST /g a.com"},

		{"two that differ", post("content-length: 5", "content-length: 6"), empty, "400", ""},
		{"two that are the same", post("content-length: 5", "content-length: 5"), empty, "400", ""},
		{"a list", post("content-length: 5, 5"), empty, "400", ""},
		{"a sign", post("content-length: +5"), empty, "400", ""},
		{"below 0", post("content-length: -5"), empty, "400", ""},
		{"hexadecimal", post("content-length: 0x5"), empty, "400", ""},
		{"an empty one", post("content-length: "), empty, "400", ""},
		{"words", post("content-length: five"), empty, "400", ""},
		{"too many digits", post("content-length: 99999999999999999999"), empty, "400", ""},
		{"one without a body", post("content-length: 5"), "", "400", ""},
		{"less than comes", post("content-length: 4"), "hello", protocolError, cutOff},
		{"more than comes", post("content-length: 6"), "hello", "400", cutOff},
	})
}

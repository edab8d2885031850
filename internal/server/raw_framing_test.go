package server

import (
	"strings"
	"testing"
)

// post is a request with these header lines and this body.
func post(headers, body string) string {
	return "POST /p HTTP/1.1\r\nHost: a.com\r\n" + headers + "\r\n" + body
}

// smuggled is what an attacker wants to be taken for a request of its own.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.com\r\n\r\n"

func TestRawContentLength(t *testing.T) {
	runRaw(t, []rawCase{
		{"a body", post("Content-Length: 5\r\n", "hello"), "200", true, "POST /p a.com hello"},
		{"an empty body", post("Content-Length: 0\r\n", ""), "200", true, "POST /p a.com"},
		{"no length, no body", post("", ""), "200", true, "POST /p a.com"},
		{"leading zeros", post("Content-Length: 005\r\n", "hello"), "200", true, "POST /p a.com hello"},
		{"white space around it", post("Content-Length: \t 5 \t\r\n", "hello"), "200", true, "POST /p a.com hello"},
		{"any case", post("cOnTeNt-LeNgTh: 5\r\n", "hello"), "200", true, "POST /p a.com hello"},
		{"the next request follows", post("Content-Length: 5\r\n", "hello"+smuggled), "200 200", true, "POST /p a.com hello; GET /smuggled a.com"},
		{"a body on GET", "GET /g HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\n\r\nhello", "200", true, "GET /g a.com hello"},
		{"a body larger than every buffer", post("Content-Length: 100000\r\n", strings.Repeat("x", 100000)), "200", true, "POST /p a.com " + strings.Repeat("x", 100000)},

		{"two that differ", post("Content-Length: 5\r\nContent-Length: 0\r\n", "hello"), "400", false, ""},
		{"two that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "400", false, ""},
		{"a list that agrees", post("Content-Length: 5, 5\r\n", "hello"), "400", false, ""},
		{"a list", post("Content-Length: 5,0\r\n", "hello"), "400", false, ""},
		{"a sign", post("Content-Length: +5\r\n", "hello"), "400", false, ""},
		{"below zero", post("Content-Length: -1\r\n", ""), "400", false, ""},
		{"hexadecimal", post("Content-Length: 0x5\r\n", "hello"), "400", false, ""},
		{"a fraction", post("Content-Length: 5.0\r\n", "hello"), "400", false, ""},
		{"an exponent", post("Content-Length: 5e0\r\n", "hello"), "400", false, ""},
		{"an underscore", post("Content-Length: 1_0\r\n", "hellohello"), "400", false, ""},
		{"empty", post("Content-Length:\r\n", "hello"), "400", false, ""},
		{"white space alone", post("Content-Length: \t\r\n", "hello"), "400", false, ""},
		{"white space inside", post("Content-Length: 1 0\r\n", "hellohello"), "400", false, ""},
		{"quotes", post("Content-Length: \"5\"\r\n", "hello"), "400", false, ""},
		{"letters", post("Content-Length: five\r\n", "hello"), "400", false, ""},
		{"beyond 64 bits", post("Content-Length: 18446744073709551621\r\n", "hello"), "400", false, ""},
		{"in Arabic digits", post("Content-Length: \u0665\r\n", "hello"), "400", false, ""},
		{"a vertical tab", post("Content-Length: \v5\r\n", "hello"), "400", false, ""},
		{"a NUL behind it", post("Content-Length: 5\x00\r\n", "hello"), "400", false, ""},
		{"what is behind a refused one is no request", post("Content-Length: 5,5\r\n", "hello"+smuggled), "400", false, ""},
	})
}

func TestRawTransferEncoding(t *testing.T) {
	const body = "5\r\nhello\r\n0\r\n\r\n"
	runRaw(t, []rawCase{
		{"chunked", post("Transfer-Encoding: chunked\r\n", body), "200", true, "POST /p a.com hello"},
		{"any case", post("TRANSFER-ENCODING: Chunked\r\n", body), "200", true, "POST /p a.com hello"},
		{"white space around it", post("Transfer-Encoding: \tchunked \r\n", body), "200", true, "POST /p a.com hello"},
		{"the next request follows", post("Transfer-Encoding: chunked\r\n", body+smuggled), "200 200", true, "POST /p a.com hello; GET /smuggled a.com"},

		{"with Content-Length", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body), "400", false, ""},
		{"before Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body), "400", false, ""},
		{"with Content-Length of zero", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", body+smuggled), "400", false, ""},
		{"with a malformed Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", body), "400", false, ""},
		{"twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body), "400", false, ""},
		{"chunked, then another", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", body), "400", false, ""},
		{"another, then chunked", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", body), "501", false, ""},
		{"a list with chunked last", post("Transfer-Encoding: gzip, chunked\r\n", body), "501", false, ""},
		{"a list with chunked first", post("Transfer-Encoding: chunked, gzip\r\n", body), "501", false, ""},
		{"chunked twice in a list", post("Transfer-Encoding: chunked, chunked\r\n", body), "501", false, ""},
		{"identity", post("Transfer-Encoding: identity\r\n", "hello"), "501", false, ""},
		{"gzip", post("Transfer-Encoding: gzip\r\n", "hello"), "501", false, ""},
		{"empty", post("Transfer-Encoding:\r\n", "hello"), "501", false, ""},
		{"an empty element", post("Transfer-Encoding: ,chunked\r\n", body), "501", false, ""},
		{"a parameter", post("Transfer-Encoding: chunked;q=1\r\n", body), "501", false, ""},
		{"quotes", post("Transfer-Encoding: \"chunked\"\r\n", body), "501", false, ""},
		{"a vertical tab", post("Transfer-Encoding: \vchunked\r\n", body), "400", false, ""},
		{"a longer word", post("Transfer-Encoding: xchunked\r\n", body), "501", false, ""},
		{"a space before the colon", post("Transfer-Encoding : chunked\r\n", body), "400", false, ""},
		{"a tab before the colon", post("Transfer-Encoding\t: chunked\r\n", body), "400", false, ""},
		{"on a folded line", post("X: y\r\n Transfer-Encoding: chunked\r\n", body), "400", false, ""},
		{"its value folded", post("Transfer-Encoding:\r\n chunked\r\n", body), "501", false, ""},
		{"in HTTP/1.0", "POST /p HTTP/1.0\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n" + body, "400", false, ""},
		{"in HTTP/1.0, with a length", "POST /p HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + body, "400", false, ""},
		{"with an underscore it is another header", post("Content-Length: 5\r\nTransfer_Encoding: chunked\r\n", "hello"), "200", true, "POST /p a.com hello"},
	})
}

func TestRawChunks(t *testing.T) {
	chunked := func(body string) string { return post("Transfer-Encoding: chunked\r\n", body) }
	runRaw(t, []rawCase{
		{"no chunk", chunked("0\r\n\r\n"), "200", true, "POST /p a.com"},
		{"several", chunked("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"a size with zeros", chunked("0005\r\nhello\r\n000\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"a size in capitals", chunked("A\r\nhellohello\r\n0\r\n\r\n"), "200", true, "POST /p a.com hellohello"},
		{"an extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"an extension with quotes and spaces", chunked("5;a = \"b c\" ;d\r\nhello\r\n0;e\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"a trailer", chunked("5\r\nhello\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"a trailer that would be framing", chunked("5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), "200", true, "POST /p a.com hello"},
		{"data that looks like an end", chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "200", true, "POST /p a.com 0"},

		{"a size that is none", chunked("x\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"an empty size", chunked("\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size below zero", chunked("-5\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size behind a space", chunked(" 5\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size before a space", chunked("5 \r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size with an underscore", chunked("0_5\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size of seventeen digits", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size line that ends in LF", chunked("5\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"a size line that ends in CR", chunked("5\rhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"LF in an extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"NUL in an extension", chunked("5;a\x00b\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"an extension without a semicolon", chunked("5 a\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"an extension without an end", chunked("5;" + strings.Repeat("a", 5000) + "\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com (cut off)"},
		{"more data than the size", chunked("4\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com hell (cut off)"},
		{"less data than the size", chunked("6\r\nhello\r\n0\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"data that ends in LF", chunked("5\r\nhello\n0\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"data that ends in CR", chunked("5\r\nhello\r0\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"the last line ends in LF", chunked("5\r\nhello\r\n0\r\n\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"a trailer with no name", chunked("5\r\nhello\r\n0\r\n: b\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"a trailer with a space before the colon", chunked("5\r\nhello\r\n0\r\nA : b\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"a folded trailer", chunked("5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"a trailer that ends in LF", chunked("5\r\nhello\r\n0\r\nA: b\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
		{"a trailer without an end", chunked("5\r\nhello\r\n0\r\nA: " + strings.Repeat("b", 5000) + "\r\n\r\n"), "400", false, "POST /p a.com hello (cut off)"},
	})
}

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// fault is an upstream's answer that is not as it should be, or nearly not.
type fault struct {
	name   string
	method string // GET when empty
	answer string // line ends are CR LF in all of it when it has none of these itself
	end    ending
	want   string // what the client gets, as outcome tells it
	reused bool   // the next request came on the same connection
}

// ending is what the upstream does when it has sent its answer.
type ending int

const (
	stays  ending = iota // waits for another request
	closes               // with everything sent
	resets               // with a RST
)

const (
	hello      = "HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Length: 5\n\nhello"
	helloChunk = "HTTP/1.1 200 OK\nContent-Type: a/b\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n"
)

// with gives a response with these fields and the body "hello".
func with(fields string) string { return "HTTP/1.1 200 OK\n" + fields + "\n\nhello" }

// inChunks gives a response with a body as it is written here.
func inChunks(body string) string {
	return crlf("HTTP/1.1 200 OK\nContent-Type: a/b\nTransfer-Encoding: chunked\n\n") + body
}

var framingFaults = []fault{
	{name: "a length", answer: hello, want: "200 hello", reused: true},
	{name: "both lengths", answer: with("Content-Length: 5\nTransfer-Encoding: chunked"), want: "502"},
	{name: "both lengths, coding first", answer: with("Transfer-Encoding: chunked\nContent-Length: 5"), want: "502"},
	{name: "both lengths of HEAD", method: "HEAD", answer: "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n", want: "502"},
	{name: "both lengths of 304", answer: "HTTP/1.1 304 Not Modified\nContent-Length: 5\nTransfer-Encoding: chunked\n\n", want: "502"},
	{name: "two lengths", answer: with("Content-Length: 5\nContent-Length: 6"), want: "502"},
	{name: "two lengths of 204", answer: "HTTP/1.1 204 No Content\nContent-Length: 0\nContent-Length: 6\n\n", want: "502"},
	{name: "a length twice", answer: with("Content-Length: 5\nContent-Length: 5"), want: "200 hello", reused: true},
	{name: "a list of lengths", answer: with("Content-Length: 5, 5"), want: "502"},
	{name: "a length with a sign", answer: with("Content-Length: +5"), want: "502"},
	{name: "a length below 0", answer: with("Content-Length: -5"), want: "502"},
	{name: "a length in hexadecimal", answer: with("Content-Length: 0x5"), want: "502"},
	{name: "an empty length", answer: with("Content-Length:"), want: "502"},
	{name: "a length of two numbers", answer: with("Content-Length: 5 5"), want: "502"},
	{name: "a length beyond all bounds", answer: with("Content-Length: 99999999999999999999"), want: "502"},
	{name: "no known coding", answer: with("Transfer-Encoding: gzip"), want: "502"},
	{name: "two codings", answer: with("Transfer-Encoding: gzip, chunked"), want: "502"},
	{name: "chunked twice", answer: with("Transfer-Encoding: chunked, chunked"), want: "502"},
	{name: "two lines of codings", answer: with("Transfer-Encoding: chunked\nTransfer-Encoding: chunked"), want: "502"},
	{name: "chunked and then not", answer: with("Transfer-Encoding: chunked, identity"), want: "502"},
	{name: "nearly chunked", answer: with("Transfer-Encoding: xchunked"), want: "502"},
	{name: "an empty coding", answer: with("Transfer-Encoding:"), want: "502"},
	{name: "chunked in HTTP/1.0", answer: strings.Replace(helloChunk, "1.1", "1.0", 1), want: "502"},
	{name: "chunked in capitals", answer: strings.Replace(helloChunk, "chunked", "CHUNKED", 1), want: "200 hello", reused: true},
}

var chunkFaults = []fault{
	{name: "in chunks", answer: helloChunk, want: "200 hello", reused: true},
	{name: "extensions", answer: inChunks("5;a=b\r\nhello\r\n0;c\r\n\r\n"), want: "200 hello", reused: true},
	{name: "a trailer", answer: inChunks("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), want: "200 hello X-Sum=1", reused: true},
	{name: "size is no number", answer: inChunks("hello\r\n0\r\n\r\n"), want: "502"},
	{name: "size is empty", answer: inChunks("\r\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "size below 0", answer: inChunks("-5\r\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "size with 0x", answer: inChunks("0x5\r\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "size beyond all bounds", answer: inChunks("fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "size ends in LF", answer: inChunks("5\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "CR within an extension", answer: inChunks("5;a\rb\r\nhello\r\n0\r\n\r\n"), want: "502"},
	{name: "a huge extension", answer: inChunks("5;" + strings.Repeat("a", 9000) + "\r\nhello\r\n0\r\n\r\n"), want: "200 |"},
	{name: "more than the size", answer: inChunks("5\r\nhello!\r\n0\r\n\r\n"), want: "200 hello|"},
	{name: "less than the size", answer: inChunks("6\r\nhello\r\n0\r\n\r\n"), want: "200 hello\r|"},
	{name: "chunk ends in LF", answer: inChunks("5\r\nhello\n0\r\n\r\n"), want: "200 hello|"},
	{name: "second size is no number", answer: inChunks("5\r\nhello\r\nz\r\n\r\n"), want: "200 hello|"},
	{name: "no last chunk", answer: inChunks("5\r\nhello\r\n"), end: closes, want: "200 hello|"},
	{name: "ends behind the last chunk", answer: inChunks("5\r\nhello\r\n0\r\n"), end: closes, want: "200 hello|"},
	{name: "trailer without a colon", answer: inChunks("5\r\nhello\r\n0\r\nX\r\n\r\n"), want: "200 hello|"},
	{name: "trailer without an end", answer: inChunks("5\r\nhello\r\n0\r\n" + strings.Repeat("X-A: a\r\n", 4000) + "\r\n"), want: "200 hello|"},
}

var headFaults = []fault{
	{name: "garbage", answer: "SSH-2.0-x\n\n", want: "502"},
	{name: "garbage without a line", answer: "hello", end: closes, want: "502"},
	{name: "nothing", end: closes, want: "502"},
	{name: "nothing, reset", end: resets, want: "502"},
	{name: "ends in the status line", answer: "HTTP/1.1 20", end: closes, want: "502"},
	{name: "reset in the head", answer: "HTTP/1.1 200 OK\nX", end: resets, want: "502"},
	{name: "ends in the head", answer: "HTTP/1.1 200 OK\nContent-Length: 5\n", end: closes, want: "502"},
	{name: "HTTP/2", answer: "HTTP/2.0 200 OK\nContent-Length: 0\n\n", want: "502"},
	{name: "HTTP/0.9", answer: "<html>hello</html>\n", end: closes, want: "502"},
	{name: "no reason", answer: strings.Replace(hello, " OK", "", 1), want: "200 hello", reused: true},
	{name: "status of two digits", answer: strings.Replace(hello, "200", "20", 1), want: "502"},
	{name: "status of four digits", answer: strings.Replace(hello, "200", "2000", 1), want: "502"},
	{name: "status below 100", answer: strings.Replace(hello, "200", "099", 1), want: "502"},
	{name: "status with a sign", answer: strings.Replace(hello, "200", "+20", 1), want: "502"},
	{name: "LF alone", answer: "HTTP/1.1 200 OK\r\nX-A: 1\nContent-Length: 5\r\n\r\nhello", want: "502"},
	{name: "LF alone at the end", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", want: "502"},
	{name: "CR in a value", answer: "HTTP/1.1 200 OK\r\nX-A: 1\r2\r\nContent-Length: 5\r\n\r\nhello", want: "502"},
	{name: "NUL in a value", answer: with("X-A: \x00\nContent-Length: 5"), want: "502"},
	{name: "continued line", answer: with("X-A: 1\n 2\nContent-Length: 5"), want: "502"},
	{name: "continued by nothing", answer: with("Content-Length: 5\n \nX-A: 1"), want: "502"},
	{name: "space before the colon", answer: with("Content-Length : 5"), want: "502"},
	{name: "no colon", answer: with("Content-Length 5\nContent-Length: 5"), want: "502"},
	{name: "no name", answer: with(": 5\nContent-Length: 5"), want: "502"},
	{name: "huge head", answer: with("X-A: " + strings.Repeat("a", 300<<10) + "\nContent-Length: 5"), want: "502"},
	{name: "many lines", answer: with(strings.Repeat("X-A: a\n", 40<<10) + "Content-Length: 5"), want: "502"},
	{name: "long head", answer: with("X-A: " + strings.Repeat("a", 100<<10) + "\nContent-Length: 5"), want: "200 hello", reused: true},
	{name: "101 unasked", answer: "HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n", want: "502"},
	{name: "100 unasked", answer: "HTTP/1.1 100 Continue\n\n" + hello, want: "200 hello", reused: true},
	{name: "interim, then nothing", answer: "HTTP/1.1 103 Early Hints\nLink: </a>\n\n", end: closes, want: "103 502"},
	{name: "interim with a body", answer: "HTTP/1.1 103 Early Hints\nContent-Length: 5\n\nhello" + hello, want: "502"},
	{name: "a flood of interim responses", answer: strings.Repeat("HTTP/1.1 102 Processing\n\n", 1000) + hello, want: strings.Repeat("102 ", maxInterim+1) + "502"},
}

var bodyFaults = []fault{
	{name: "more than the length", answer: hello + "!", want: "200 hello"},
	{name: "two responses", answer: hello + hello, want: "200 hello"},
	{name: "less than the length", answer: with("Content-Length: 6"), end: closes, want: "200 hello|"},
	{name: "reset in the body", answer: with("Content-Length: 6"), end: resets, want: "200 hello|"},
	{name: "until the end", answer: with("X-A: 1"), end: closes, want: "200 hello"},
	{name: "HTTP/1.0", answer: strings.Replace(hello, "1.1", "1.0", 1), want: "200 hello"},
	{name: "asks to close", answer: with("Connection: x, Close\nContent-Length: 5"), want: "200 hello"},
	{name: "a body behind HEAD", method: "HEAD", answer: hello, want: "200 "},
	{name: "a length behind HEAD", method: "HEAD", answer: "HTTP/1.1 200 OK\nContent-Length: 5\n\n", want: "200 ", reused: true},
	{name: "a body behind 204", answer: "HTTP/1.1 204 No Content\nContent-Length: 5\n\nhello", want: "204 "},
	{name: "a body behind 304", answer: "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\nhello", want: "304 "},
	{name: "304 with a length", answer: "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", want: "304 ", reused: true},
	{name: "closes when nobody expects it", answer: hello, end: closes, want: "200 hello"},
	{name: "resets when nobody expects it", answer: hello, end: resets, want: "200 hello"},
}

// What the client gets, and whether the connection is used again. A response
// that is cut short is marked by "|" behind what came of it.
func TestUpstreamFaults(t *testing.T) {
	for group, faults := range map[string][]fault{
		"framing": framingFaults, "chunks": chunkFaults, "head": headFaults, "body": bodyFaults,
	} {
		for _, tt := range faults {
			t.Run(group+"/"+tt.name, func(t *testing.T) {
				var conns atomic.Int64
				ended := make(chan struct{}, 1)
				backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
					if conns.Add(1) == 1 {
						readHead(br)
						tt.send(conn)
						ended <- struct{}{}
					}
					if conns.Load() == 1 && tt.end != stays {
						return
					}
					answering(crlf(hello), nil)(conn, br)
				})
				p, h := newProxy(t, "*", backend)
				s := (&front{handler: h}).start(t)
				if got := outcome(t, s.URL, tt.method); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				mustReceive(t, ended)
				// A POST is not sent twice: it finds out that the
				// connection is not to be used before it is.
				awaitClosed(p, tt.end)
				if got := outcome(t, s.URL, "POST"); got != "200 hello" {
					t.Errorf("the next request got %q", got)
				}
				if reused := conns.Load() == 1; reused != tt.reused {
					t.Errorf("%d connections; used again: %v, want %v", conns.Load(), reused, tt.reused)
				}
			})
		}
	}
}

// send sends the answer and ends the connection as the fault has it.
func (f *fault) send(conn net.Conn) {
	answer := f.answer
	if !strings.Contains(answer, "\r") {
		answer = crlf(answer)
	}
	io.WriteString(conn, answer)
	if f.end == resets {
		conn.(*net.TCPConn).SetLinger(0)
	}
	if f.end != stays {
		conn.Close()
	}
}

// awaitClosed waits until the end of a kept connection, if there is one, has
// arrived: on loopback that is when the other end has been closed, but for a
// moment.
func awaitClosed(p *Proxy, end ending) {
	if end == stays {
		return
	}
	pool := p.Upstream.pool
	for quiet := true; quiet; {
		quiet = false
		pool.mu.Lock()
		for _, h := range pool.hosts {
			for _, k := range h.idle {
				quiet = quiet || k.quiet()
			}
		}
		pool.mu.Unlock()
	}
}

// outcome sends a request and tells what comes of it.
func outcome(t *testing.T, server, method string) string {
	t.Helper()
	if method == "" {
		method = "GET"
	}
	conn, br := dialRaw(t, server)
	io.WriteString(conn, method+" / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
	interim := ""
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return interim + "none: " + err.Error()
		}
		if resp.StatusCode < 200 {
			interim += fmt.Sprint(resp.StatusCode, " ")
			continue
		}
		if resp.StatusCode == http.StatusBadGateway {
			return interim + "502"
		}
		body, err := io.ReadAll(resp.Body)
		got := fmt.Sprintf("%s%d %s", interim, resp.StatusCode, body)
		if err != nil {
			got += "|"
		}
		if sum := resp.Trailer.Get("X-Sum"); sum != "" {
			got += " X-Sum=" + sum
		}
		return got
	}
}

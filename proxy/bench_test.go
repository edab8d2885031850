package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// A small response to a small request, over kept connections: what a request
// costs in CPU, the client's part in the same process included.
func BenchmarkProxyGET(b *testing.B) {
	backend := rawServer(b, answering("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", nil))
	_, h := newProxy(b, "*", backend)
	s := (&front{handler: h}).start(b)
	conn, br := dialRaw(b, s.URL)
	request := []byte("GET /a/b?c=d HTTP/1.1\r\nHost: a.test\r\nUser-Agent: bench\r\nAccept: */*\r\nCookie: a=b\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		conn.Write(request)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
	}
}

// The same with a choice of three targets and retries.
func BenchmarkProxyBalanced(b *testing.B) {
	var targets []string
	for range 3 {
		targets = append(targets, rawServer(b, answering("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", nil)))
	}
	p := newBalanced(b, BalancerSettings{}, targets...)
	p.Retries = 1
	conn, br := dialRaw(b, p.url)
	request := []byte("GET /a/b?c=d HTTP/1.1\r\nHost: a.test\r\nUser-Agent: bench\r\nAccept: */*\r\nCookie: a=b\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		conn.Write(request)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
	}
}

// A download, per 32 MiB.
func BenchmarkProxyDownload(b *testing.B) {
	const size = 32 << 20
	backend := rawServer(b, func(conn net.Conn, br *bufio.Reader) {
		buf := make([]byte, 256<<10)
		for readHead(br) != "" {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 33554432\r\n\r\n")
			for range size / len(buf) {
				conn.Write(buf)
			}
		}
	})
	_, h := newProxy(b, "*", backend)
	s := (&front{handler: h}).start(b)
	tr := new(http.Transport)
	b.Cleanup(tr.CloseIdleConnections)
	client := &http.Client{Transport: tr}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Get(s.URL)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatal(n, err)
		}
	}
}

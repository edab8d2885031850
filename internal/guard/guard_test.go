package guard

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

var testLimits = &Limits{HeadBytes: 64 << 10, HeadLines: 100, URIBytes: 16 << 10, Head: 10 * time.Second, Body: time.Minute}

// wire is a connection whose client has sent everything already. Each Read
// gives at most as many bytes as the next of cuts says.
type wire struct {
	net.Conn // nil: nothing else is called
	in       []byte
	cuts     []byte
	out      bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		return 0, io.EOF
	}
	most := len(w.in)
	if len(w.cuts) > 0 {
		most = min(most, int(w.cuts[0])+1)
		w.cuts = w.cuts[1:]
	}
	n := copy(p[:min(len(p), most)], w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) Write(p []byte) (int, error)       { return w.out.Write(p) }
func (w *wire) CloseWrite() error                 { return nil }
func (w *wire) SetDeadline(time.Time) error       { return nil }
func (w *wire) SetReadDeadline(t time.Time) error { return nil }

// FuzzFraming holds the guard against net/http: what the guard lets through as
// one request is what net/http reads as one, to the last byte.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET http://A:80/x?y HTTP/1.1\r\nhost: a:80\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\r\n\x81\x05hello",
		"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
	} {
		f.Add([]byte(seed), []byte{})
		f.Add([]byte(seed), []byte{0, 0, 3, 60, 1})
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		w := &wire{in: in, cuts: cuts}
		c := NewPlain(w, testLimits, func(*Conn, *Refusal) {})
		for {
			message, whole := nextMessage(c)
			if message == nil {
				return
			}
			compare(t, message, whole)
		}
	})
}

// nextMessage gives what the guard takes for one request, and whether it came
// to its end; nil when there is no complete head.
func nextMessage(c *Plain) (message []byte, whole bool) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		message = append(message, buf[:n]...)
		if err != nil {
			return message, false
		}
		if c.step == inHead {
			return message, true
		}
	}
}

func compare(t *testing.T, message []byte, whole bool) {
	br := bufio.NewReader(bytes.NewReader(message))
	req, err := http.ReadRequest(br)
	if err != nil {
		return // net/http is stricter here, and refuses
	}
	_, err = io.Copy(io.Discard, req.Body)
	switch {
	case whole && err != nil:
		return // as above; the connection ends with such a body
	case !whole && err == nil:
		t.Fatalf("net/http reads a whole request where the guard does not see the end: %q", message)
	case whole && br.Buffered() > 0:
		t.Fatalf("net/http leaves %d bytes of %q", br.Buffered(), message)
	}
}

func BenchmarkHead(b *testing.B) {
	request := []byte("GET /static/app/main.js?v=12 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nReferer: https://www.example.com/\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n")
	w := &wire{}
	c := NewPlain(w, testLimits, func(*Conn, *Refusal) {})
	p := make([]byte, 4096)
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	for b.Loop() {
		w.in = request
		if n, err := c.Read(p); n != len(request) || err != nil {
			b.Fatal(n, err)
		}
	}
}

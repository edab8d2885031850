package proxy

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"httpmaster/router"
)

// h2cServer serves HTTP/2 without TLS and nothing else.
func h2cServer(t testing.TB, h http.HandlerFunc) (address string) {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// The upstream sends its second event only when the client has the first.
func TestEventsAreFlushed(t *testing.T) {
	for _, length := range []string{"", "Content-Length: 8\r\n"} {
		t.Run("length="+length, func(t *testing.T) {
			got := make(chan struct{})
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				readHead(br)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"+length+"Connection: close\r\n\r\n")
				<-got
				io.WriteString(conn, "one\n")
				<-got
				io.WriteString(conn, "two\n")
			})
			_, h := newProxy(t, "*", backend)
			for name, client := range map[string]*http.Client{"HTTP/1": http.DefaultClient, "HTTP/2": h2cClient(t)} {
				s := (&front{handler: h}).start(t)
				resp, err := client.Get(s.URL)
				if err != nil {
					t.Fatal(name, err)
				}
				got <- struct{}{} // the head is here
				br := bufio.NewReader(resp.Body)
				if line, err := br.ReadString('\n'); line != "one\n" {
					t.Fatal(name, line, err)
				}
				got <- struct{}{}
				if rest, err := io.ReadAll(br); string(rest) != "two\n" || err != nil {
					t.Error(name, string(rest), err)
				}
				resp.Body.Close()
				client.CloseIdleConnections()
			}
		})
	}
}

// As gRPC does: message by message both ways, within one request.
func TestBothWaysAtOnce(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		ctl.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		ctl.Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			ctl.Flush()
			if err != nil {
				return
			}
		}
	}
	h1 := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(h1.Close)
	tests := []struct {
		name, target string
		client       *http.Client
	}{
		{"HTTP/2 to h2c", "h2c://" + h2cServer(t, echo), h2cClient(t)},
		{"HTTP/2 to HTTP/1", h1.URL, h2cClient(t)},
		{"HTTP/1 to h2c", "h2c://" + h2cServer(t, echo), &http.Client{Transport: new(http.Transport)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newProxy(t, "*", tt.target)
			s := (&front{handler: h}).start(t)
			pr, pw := io.Pipe()
			req, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL, pr)
			resp, err := tt.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				message := fmt.Sprintf("message %d\n", i)
				go io.WriteString(pw, message) // ends when it is read, which is seen below
				got := make([]byte, len(message))
				if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != message {
					t.Fatalf("got %q, %v", got, err)
				}
			}
			pw.Close()
			if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
				t.Errorf("at the end: %q, %v", rest, err)
			}
			resp.Body.Close()
			tt.client.CloseIdleConnections()
		})
	}
}

// 32 MiB up and down at once, in the same request, over each pair of
// protocols, with and without a length.
func TestBigBodies(t *testing.T) {
	const size = 32 << 20
	serve := func(w http.ResponseWriter, r *http.Request) {
		up := sha256.New()
		n, err := io.Copy(up, r.Body)
		if err != nil || n != size {
			t.Errorf("upstream got %d bytes, %v", n, err)
		}
		w.Header().Set("X-Sum", fmt.Sprintf("%x", up.Sum(nil)))
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		io.Copy(w, noise(2, size))
	}
	h1 := httptest.NewServer(http.HandlerFunc(serve))
	t.Cleanup(h1.Close)
	wantUp, wantDown := sum(noise(1, size)), sum(noise(2, size))
	for _, target := range []string{h1.URL, "h2c://" + h2cServer(t, serve)} {
		for name, client := range map[string]*http.Client{"HTTP/1": {Transport: new(http.Transport)}, "HTTP/2": h2cClient(t)} {
			for _, query := range []string{"?length", ""} {
				t.Run(name+" to "+target[:4]+query, func(t *testing.T) {
					_, h := newProxy(t, "*", target)
					s := (&front{handler: h}).start(t)
					req, _ := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/"+query, noise(1, size))
					if query != "" {
						req.ContentLength = size
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					down := sum(resp.Body)
					if up := resp.Header.Get("X-Sum"); up != wantUp || down != wantDown {
						t.Errorf("up %s, want %s; down %s, want %s", up, wantUp, down, wantDown)
					}
					resp.Body.Close()
					client.CloseIdleConnections()
				})
			}
		}
	}
}

func noise(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

func sum(r io.Reader) string {
	var h hash.Hash = sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// "100 Continue" goes from end to end: the client is told to go on when the
// upstream has said so, and not when the upstream has refused.
func TestExpectContinue(t *testing.T) {
	const head = "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
	t.Run("accepted", func(t *testing.T) {
		ask, bodies := make(chan struct{}), make(chan string, 1)
		backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
			if head := readHead(br); !strings.Contains(head, "\r\nExpect: 100-continue\r\n") {
				t.Errorf("upstream got %q", head)
			}
			<-ask
			io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			body := make([]byte, 4)
			io.ReadFull(br, body)
			bodies <- string(body)
			io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
		})
		p, h := newProxy(t, "*", backend)
		p.Upstream.expectContinue = patience // only the upstream's word counts
		s := (&front{handler: h}).start(t)
		conn, br := dialRaw(t, s.URL)
		io.WriteString(conn, head)
		close(ask)
		if got := readHead(br); got != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("first response is %q", got)
		}
		io.WriteString(conn, "body")
		if got := mustReceive(t, bodies); got != "body" {
			t.Errorf("upstream got %q", got)
		}
		if got := withoutDate(readHead(br)); got != "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" {
			t.Errorf("second response is %q", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
			readHead(br)
			io.WriteString(conn, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
			if more, _ := io.ReadAll(br); len(more) > 0 {
				t.Errorf("upstream got %q as well", more)
			}
		})
		p, h := newProxy(t, "*", backend)
		p.Upstream.expectContinue = patience
		s := (&front{handler: h}).start(t)
		want := "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
		if got := exchangeRaw(t, s.URL, strings.ReplaceAll(head, "\r\n", "\n")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// An upstream that answers early is heard, even while the client sends
// nothing; then the connection is closed, since a body is still due on it.
func TestEarlyAnswer(t *testing.T) {
	backend := rawServer(t, answering("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno", nil))
	_, h := newProxy(t, "*", backend)
	s := (&front{handler: h}).start(t)
	want := "HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
	for _, framing := range []string{"Content-Length: 1000", "Content-Length: 100000000", "Transfer-Encoding: chunked"} {
		if got := exchangeRaw(t, s.URL, "PUT / HTTP/1.1\nHost: a.test\n"+framing+"\n\n"); got != want {
			t.Errorf("%s: got %q, want %q", framing, got, want)
		}
	}
}

// A response that breaks off must not look complete.
func TestUpstreamBreaksOff(t *testing.T) {
	for _, head := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		for name, client := range map[string]*http.Client{"HTTP/1": {Transport: new(http.Transport)}, "HTTP/2": h2cClient(t)} {
			t.Run(name+", "+head, func(t *testing.T) {
				backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
					readHead(br)
					io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+head+"\r\n\r\n5\r\nhello\r\n")
				})
				p, h := newProxy(t, "*", backend)
				log := logTo(p)
				s := (&front{handler: h}).start(t)
				resp, err := client.Get(s.URL)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if err == nil {
					t.Error("the client was led to believe that it has everything")
				}
				s.Close()
				want := `level=WARN msg="the upstream broke off its response" upstream=` + backend + ` reason="unexpected EOF" rule="line 7 *"` + "\n"
				if log.String() != want {
					t.Errorf("log is %q, want %q", log, want)
				}
				client.CloseIdleConnections()
			})
		}
	}
}

// When the client leaves, the upstream's request is cancelled and nothing is
// logged, wherever the exchange stands.
func TestClientLeaves(t *testing.T) {
	tests := []struct{ name, request, response string }{
		{"while waiting", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", ""},
		{"in its own body", "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf", ""},
		{"in the response", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"},
		{"in an upgrade", "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arrived, gone := make(chan struct{}), make(chan struct{})
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				readHead(br)
				io.WriteString(conn, tt.response)
				close(arrived)
				io.Copy(io.Discard, br)
				close(gone)
			})
			p, h := newProxy(t, "*", backend)
			log := logTo(p)
			s := (&front{handler: h}).start(t)
			conn, _ := dialRaw(t, s.URL)
			io.WriteString(conn, tt.request)
			mustReceive(t, arrived)
			conn.Close()
			mustReceive(t, gone)
			s.Close() // waits for the handler
			if log.String() != "" {
				t.Errorf("log is %q", log)
			}
		})
	}
}

// A client that stops to send its body is told so.
func TestClientStalls(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) })
	p, h := newProxy(t, "*", backend)
	p.ClientIdle = 50 * time.Millisecond
	log := logTo(p)
	s := (&front{handler: h}).start(t)
	got := exchangeRaw(t, s.URL, "PUT / HTTP/1.1\nHost: a.test\nContent-Length: 10\n\nhalf")
	want := crlf("HTTP/1.1 408 Request Timeout\nCache-Control: no-store\nConnection: close\nContent-Length: 64\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\n\n") +
		"408 Request Timeout\nThe request's body took too long to arrive.\n"
	if got != want || log.String() != "" {
		t.Errorf("got %q, want %q; log %q", got, want, log)
	}
}

// A client that does not take its response is let go.
func TestClientDoesNotRead(t *testing.T) {
	gone := make(chan error, 1)
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		_, err := io.Copy(conn, noise(1, 1<<40))
		gone <- err
	})
	p, h := newProxy(t, "*", backend)
	p.ClientIdle = 50 * time.Millisecond
	s := (&front{handler: h}).start(t)
	conn, _ := dialRaw(t, s.URL)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if err := mustReceive(t, gone); err == nil {
		t.Error("a tebibyte went somewhere")
	}
}

// Malformed chunks are the client's fault; the rest of its connection cannot
// be understood.
func TestMalformedBody(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) })
	p, h := newProxy(t, "*", backend)
	log := logTo(p)
	s := (&front{handler: h}).start(t)
	got := exchangeRaw(t, s.URL, "PUT / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n3\nabcXX\nGET / HTTP/1.1\nHost: a.test\n\n")
	want := crlf("HTTP/1.1 400 Bad Request\nCache-Control: no-store\nConnection: close\nContent-Length: 49\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\n\n") +
		"400 Bad Request\nThe request's body is malformed.\n"
	if got != want || log.String() != "" {
		t.Errorf("got %q, want %q; log %q", got, want, log)
	}
}

// A body that is larger than some chain element allows.
func TestBodyTooLarge(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) })
	_, h := newProxy(t, "*", backend)
	limited := router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		r.Body = http.MaxBytesReader(w, r.Body, 3)
		h.Serve(w, r, m)
	})
	s := (&front{handler: limited}).start(t)
	got := exchangeRaw(t, s.URL, "PUT / HTTP/1.1\nHost: a.test\nContent-Length: 4\n\nbody")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.HasSuffix(got, "\r\n\r\n413 Request Entity Too Large\nThe request's body is too large.\n") {
		t.Errorf("got %q", got)
	}
}

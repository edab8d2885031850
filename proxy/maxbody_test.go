package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A body that is too large for sure is refused before its upstream hears of
// it.
func TestMaxBodyKnown(t *testing.T) {
	for _, tt := range []struct{ name, head, want string }{
		{"above", "Content-Length: 11\n\n", "413"},
		{"exactly", "Content-Length: 10\n\n0123456789", "200"},
		{"none", "\n", "200"},
		{"to be continued", "Content-Length: 11\nExpect: 100-continue\n\n", "413"},
		{"of an upgrade", "Connection: upgrade\nUpgrade: x\nContent-Length: 11\n\n", "413"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, "A", nil)
			p, h := newProxy(t, "*", n.address)
			p.MaxBody = 10
			conn, br := dialRaw(t, (&front{handler: h}).start(t).URL)
			io.WriteString(conn, crlf("POST / HTTP/1.1\nHost: a.test\n"+tt.head))
			head := readHead(br)
			if got := statuses(head, br); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.want == "413" {
				if !strings.Contains(head, "\r\nConnection: close\r\n") {
					t.Errorf("the connection is not closed: %q", head)
				}
				if body, err := io.ReadAll(br); !strings.HasPrefix(string(body), "413 Request Entity Too Large\nThe request's body is too large.") || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
				if n.seen.Load() != 0 {
					t.Error("the upstream got the request")
				}
			}
		})
	}
}

// One of unknown length is cut off where it gets too large: the client is told
// so, and the upstream sees that the request is not whole.
func TestMaxBodyUnknown(t *testing.T) {
	for _, client := range []string{"HTTP/1", "HTTP/2"} {
		for _, upstream := range []string{"http://", "h2c://"} {
			for size, want := range map[int]string{100_000: "200", 100_001: "413", 1_000_000: "413"} {
				t.Run(fmt.Sprint(client, " to ", upstream, size), func(t *testing.T) {
					read := make(chan error, 1)
					n := newNode(t, "A", func(w http.ResponseWriter, r *http.Request) {
						got, err := io.Copy(io.Discard, r.Body)
						if got > 100_000 {
							t.Errorf("the upstream got %d bytes", got)
						}
						read <- err
					})
					p, h := newProxy(t, "*", upstream+n.address)
					p.MaxBody = 100_000
					s := (&front{handler: h}).start(t)
					c := testClient(t)
					if client == "HTTP/2" {
						c = h2cClient(t)
					}
					body := io.MultiReader(strings.NewReader(strings.Repeat("a", size))) // of no known length
					resp, err := c.Post(s.URL, "a/b", body)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if got := resp.Status[:3]; got != want {
						t.Errorf("got %s, want %s", got, want)
					}
					if err := mustReceive(t, read); (err == nil) != (want == "200") {
						t.Errorf("the upstream saw the body end with %v", err)
					}
				})
			}
		}
	}
}

// A body that gets too large when the response is under way ends that too.
func TestMaxBodyAfterResponse(t *testing.T) {
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
		io.Copy(io.Discard, br)
	})
	p, h := newProxy(t, "*", backend)
	p.MaxBody = 10
	conn, br := dialRaw(t, (&front{handler: h}).start(t).URL)
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
	if head := readHead(br); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("got %q", head)
	}
	io.WriteString(conn, "20\r\n"+strings.Repeat("a", 32)+"\r\n")
	if got, _ := io.ReadAll(br); string(got) != "2\r\nok\r\n" { // and no last chunk
		t.Errorf("got %q", got)
	}
}

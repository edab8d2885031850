package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The ways in which the first target fails.
var (
	hangsUp = func(_ net.Conn, br *bufio.Reader) { readHead(br) }
	babbles = func(conn net.Conn, br *bufio.Reader) { readHead(br); io.WriteString(conn, "HTTP/1.1 2") }
	hints   = func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
	}
	noHTTP  = func(conn net.Conn, br *bufio.Reader) { readHead(br); io.WriteString(conn, "SSH-2.0\r\n\r\n") }
	answers = func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	}
	silent = func(_ net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) }
)

// What is tried again on another target, and what is not. A nil first target
// is one where nobody listens.
func TestRetries(t *testing.T) {
	const body = "Content-Length: 4\n\nbody"
	for _, tt := range []struct {
		name    string
		first   func(net.Conn, *bufio.Reader)
		request string // method and what follows the Host field
		retries int
		want    string // the status, and what the second target got
	}{
		{"refused", nil, "GET /\n\n", 1, "200 GET "},
		{"refused, POST", nil, "POST /\n\n", 1, "200 POST "},
		{"refused, a body", nil, "POST /\n" + body, 1, "200 POST body"},
		{"refused, a chunked body", nil, "PATCH /\nTransfer-Encoding: chunked\n\n4\nbody\n0\n\n", 1, "200 PATCH body"},
		{"refused, no retries", nil, "GET /\n\n", 0, "502"},
		{"hangs up on GET", hangsUp, "GET /\n\n", 1, "200 GET "},
		{"hangs up on HEAD", hangsUp, "HEAD /\n\n", 1, "200 HEAD "},
		{"hangs up on OPTIONS", hangsUp, "OPTIONS /\n\n", 1, "200 OPTIONS "},
		{"hangs up on PUT", hangsUp, "PUT /\nContent-Length: 0\n\n", 1, "200 PUT "},
		{"hangs up on DELETE", hangsUp, "DELETE /\n\n", 1, "200 DELETE "},
		{"hangs up on POST", hangsUp, "POST /\nContent-Length: 0\n\n", 1, "502"},
		{"hangs up on PATCH", hangsUp, "PATCH /\nContent-Length: 0\n\n", 1, "502"},
		{"hangs up on a method of its own", hangsUp, "MERGE /\n\n", 1, "502"},
		{"hangs up on a body", silentUntilBody, "PUT /\n" + body, 1, "502"},
		{"hangs up on a chunk", silentUntilChunk, "PUT /\nTransfer-Encoding: chunked\n\n4\nbody\n0\n\n", 1, "502"},
		{"begins a response", babbles, "GET /\n\n", 1, "502"},
		{"gives hints", hints, "GET /\n\n", 1, "103 502"},
		{"no HTTP", noHTTP, "GET /\n\n", 1, "502"},
		{"an answer", answers, "GET /\n\n", 1, "503"},
		{"silent", silent, "GET /\n\n", 1, "504"},
		{"upgrade, refused", nil, "GET /\nConnection: upgrade\nUpgrade: x\n\n", 1, "200 GET "},
		{"upgrade, refused, no retries", nil, "GET /\nConnection: upgrade\nUpgrade: x\n\n", 0, "502"},
		{"upgrade, hangs up", hangsUp, "GET /\nConnection: upgrade\nUpgrade: x\n\n", 1, "502"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := closedPort(t)
			if tt.first != nil {
				first = rawServer(t, tt.first)
			}
			got := make(chan string, 1)
			second := newNode(t, "", func(w http.ResponseWriter, r *http.Request) {
				content, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got <- r.Method + " " + string(content)
			})
			b := newBalanced(t, BalancerSettings{}, first, second.address)
			b.Retries = tt.retries
			if strings.HasPrefix(tt.want, "504") {
				b.UpstreamIdle = 50 * time.Millisecond
			}
			conn, br := dialRaw(t, b.url)
			line, rest, _ := strings.Cut(tt.request, "\n")
			io.WriteString(conn, crlf(line+" HTTP/1.1\nHost: a.test\n"+rest))
			result := statuses(readHead(br), br)
			if len(got) > 0 {
				result += " " + <-got
			}
			if result != tt.want {
				t.Errorf("got %q, want %q; log:\n%s", result, tt.want, b.log)
			}
		})
	}
}

// silentUntilBody takes head and body, then hangs up.
func silentUntilBody(_ net.Conn, br *bufio.Reader) {
	readHead(br)
	io.ReadFull(br, make([]byte, 4))
}

// silentUntilChunk takes head and a chunk of four bytes, then hangs up.
func silentUntilChunk(_ net.Conn, br *bufio.Reader) {
	readHead(br)
	io.ReadFull(br, make([]byte, len("4\r\nbody\r\n")))
}

// statuses gives the status of the response with this head, and, where it is
// an interim one, that of those behind it.
func statuses(head string, br *bufio.Reader) string {
	if len(head) < 12 {
		return "none"
	}
	status := head[9:12]
	if status[0] == '1' && status != "101" {
		return status + " " + statuses(readHead(br), br)
	}
	return status
}

// A kept connection that is closed when the next request comes: net/http tries
// again itself where it may, and where nobody listens any more it is our turn.
func TestRetryAfterKeptConnection(t *testing.T) {
	for _, tt := range []struct{ method, body, want string }{
		{"GET", "", "200 B"},
		{"DELETE", "", "200 B"},
		{"POST", "body", "502"},
		{"PUT", "body", "502"},
	} {
		t.Run(tt.method, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serveRaw(t, ln, func(conn net.Conn, br *bufio.Reader) {
				readHead(br)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA")
				ln.Close()
				readHead(br) // the next one, and hangs up
				io.ReadFull(br, make([]byte, len(tt.body)))
			})
			second := newNode(t, "B", nil)
			b := newBalanced(t, BalancerSettings{Members: weights(2, 1)}, ln.Addr().String(), second.address)
			b.Retries = 1
			c := testClient(t)
			if got := b.ask(t, c); got != "A" {
				t.Fatalf("at first: %s", got)
			}
			// It is the turn of the same again.
			b.Balancer.members[1].current = -1 << 40
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, b.url, strings.NewReader(tt.body))
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			got := resp.Status[:3]
			if resp.StatusCode == 200 {
				got += " " + string(body)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s; log:\n%s", got, tt.want, b.log)
			}
		})
	}
}

// HTTP/2 upstreams that hang up: what was sent counts as received.
func TestRetryHTTP2(t *testing.T) {
	for method, want := range map[string]string{"GET": "B", "POST": "502"} {
		t.Run(method, func(t *testing.T) {
			first := newNode(t, "A", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
			second := newNode(t, "B", nil)
			b := newBalanced(t, BalancerSettings{}, h2cTarget(first), h2cTarget(second))
			b.Retries = 1
			req, _ := http.NewRequestWithContext(t.Context(), method, b.url, nil)
			resp, err := testClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, _ := io.ReadAll(resp.Body)
			if string(got) != want && resp.Status[:3] != want {
				t.Errorf("got %s %q, want %s", resp.Status, got, want)
			}
			if first.seen.Load() != 1 {
				t.Errorf("the first got it %d times", first.seen.Load())
			}
		})
	}
}

// A single target can be tried again as well, and retries have a bound.
func TestRetryBound(t *testing.T) {
	for _, tt := range []struct{ retries, failing, seen int }{
		{1, 1, 2}, {1, 2, 2}, {3, 9, 4}, {0, 9, 1},
	} {
		t.Run(fmt.Sprint(tt.retries, tt.failing), func(t *testing.T) {
			var seen atomic.Int64
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				for readHead(br) != "" {
					if seen.Add(1) <= int64(tt.failing) {
						return
					}
					io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
			p, h := newProxy(t, "*", backend)
			p.Retries = tt.retries
			log := logTo(p)
			got := exchangeRaw(t, (&front{handler: h}).start(t).URL, getOnce)
			want := "HTTP/1.1 204 "
			if tt.failing > tt.retries {
				want = "HTTP/1.1 502 "
			}
			if !strings.HasPrefix(got, want) || int(seen.Load()) != tt.seen {
				t.Errorf("got %q after %d tries, want %q after %d", got, seen.Load(), want, tt.seen)
			}
			again := `level=WARN msg="a request has failed and is tried again" upstream=` + backend + ` reason=EOF rule="line 7 *"` + "\n"
			if n := strings.Count(log.String(), again); n != tt.seen-1 {
				t.Errorf("%d of %d tries are in the log:\n%s", n, tt.seen-1, log)
			}
		})
	}
}

// A failure counts against its target though the client gets to see nothing of
// it.
func TestRetriesEject(t *testing.T) {
	nodes := abcNodes(t, 2)
	nodes[1].stop()
	b := newBalanced(t, BalancerSettings{}, addresses(nodes)...)
	b.Retries = 1
	if got, want := b.sequence(t, 10), "A A A A A A A A A A"; got != want {
		t.Errorf("got %s", got)
	}
	wantLines(t, changes(b.lines(nodes)), outLine)
	if n := strings.Count(strings.Join(b.lines(nodes), "\n"), "tried again"); n != 3 {
		t.Errorf("%d requests were tried again, want 3", n)
	}
}

// Several retries go round the targets.
func TestRetriesGoRound(t *testing.T) {
	dead := []string{closedPort(t), closedPort(t)}
	n := newNode(t, "C", nil)
	b := newBalanced(t, BalancerSettings{EjectAfter: -1}, dead[0], dead[1], n.address)
	b.Retries = 2
	if got, want := b.sequence(t, 6), "C C C C C C"; got != want {
		t.Errorf("got %s", got)
	}
	n.stop()
	b.Retries = 5
	if got := b.sequence(t, 1); got != "502" {
		t.Errorf("got %s", got)
	}
	for _, address := range []string{dead[0], dead[1], n.address} {
		if got := strings.Count(b.log.String(), "msg=\"a request has failed and is tried again\" upstream="+address); got < 1 {
			t.Errorf("%s was not tried", address)
		}
	}
}

// Connecting has its own time: one that takes longer than the upstream's idle
// time leads to the next target, not to a 504.
func TestRetryAfterConnectTimeout(t *testing.T) {
	for _, upgrade := range []string{"", "Connection: upgrade\nUpgrade: x\n"} {
		n := newNode(t, "B", nil)
		b := newBalanced(t, BalancerSettings{}, n.address, n.address)
		b.Hops[0].Upstream.dialer.Timeout = 700 * time.Millisecond
		b.Hops[0].Upstream.dialer.ControlContext = func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
			<-ctx.Done() // nobody answers
			return ctx.Err()
		}
		b.UpstreamIdle = 500 * time.Millisecond
		b.Retries = 1
		conn, br := dialRaw(t, b.url)
		io.WriteString(conn, crlf("GET / HTTP/1.1\nHost: a.test\n"+upgrade+"\n"))
		if got := statuses(readHead(br), br); got != "200" {
			t.Errorf("got %s; log:\n%s", got, b.log)
		}
		if !strings.Contains(b.log.String(), `reason="dial tcp `+n.address+`: context deadline exceeded"`) {
			t.Errorf("log is\n%s", b.log)
		}
	}
}

package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

const (
	upgradeRequest = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	upgradeAnswer  = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// startUpgrade mounts a proxy to a backend that answers upgrades with answer
// and goes on with serve.
func startUpgrade(t *testing.T, answer string, serve func(conn net.Conn, br *bufio.Reader)) (p *Proxy, url, backend string) {
	t.Helper()
	backend = rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, answer)
		serve(conn, br)
	})
	p, h := newProxy(t, "*", backend)
	return p, (&front{handler: h}).start(t).URL, backend
}

func TestUpgradeHead(t *testing.T) {
	heads := make(chan string, 1)
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		heads <- readHead(br)
		io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+
			"HTTP/1.1 101 What Ever\r\nconnection: upgrade, X-Hop\r\nX-Hop: 1\r\nupgrade: WebSocket\r\nKeep-Alive: x\r\nProxy-Authenticate: x\r\nContent-Length: 5\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	})
	_, h := newProxy(t, "*", backend)
	chain := router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		w.Header().Set("X-Chain", "1")
		h.Serve(w, r, m)
	})
	s := (&front{handler: chain}).start(t)
	conn, br := dialRaw(t, s.URL)
	io.WriteString(conn, strings.Replace(upgradeRequest, "Upgrade: websocket", "Upgrade: h2c, websocket\r\nHTTP2-Settings: x\r\nKeep-Alive: x\r\nX-Forwarded-For: 6.6.6.6", 1))
	want := crlf("GET /ws HTTP/1.1\nHost: a.test\nConnection: Upgrade\nSec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-Websocket-Version: 13\nUpgrade: websocket\n" +
		"X-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: a.test\nX-Forwarded-Port: 80\nX-Forwarded-Proto: http\n\n")
	if got := mustReceive(t, heads); got != want {
		t.Errorf("upstream got\n%s\nwant\n%s", got, want)
	}
	if got, want := readHead(br), crlf("HTTP/1.1 103 Early Hints\nLink: </a>\n\n"); got != want {
		t.Errorf("client got %q, want %q", got, want)
	}
	want = crlf("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\nSec-Websocket-Protocol: chat\nUpgrade: WebSocket\nX-Chain: 1\n\n")
	if got := withoutDate(readHead(br)); got != want {
		t.Errorf("client got\n%s\nwant\n%s", got, want)
	}
}

// Each end may stop sending and go on receiving, over TCP and over TLS.
func TestUpgradeHalfClose(t *testing.T) {
	for _, first := range []string{"client", "upstream"} {
		t.Run(first+" ends first", func(t *testing.T) {
			upstreamDone := make(chan string, 1)
			_, url, _ := startUpgrade(t, upgradeAnswer, func(conn net.Conn, br *bufio.Reader) {
				if first == "upstream" {
					io.WriteString(conn, "from upstream")
					conn.(*net.TCPConn).CloseWrite()
				}
				got, err := io.ReadAll(br)
				upstreamDone <- fmt.Sprintf("%s, %v", got, err)
				if first == "client" {
					io.WriteString(conn, "from upstream")
				}
			})
			conn, br := dialRaw(t, url)
			io.WriteString(conn, upgradeRequest)
			readHead(br)
			if first == "client" {
				io.WriteString(conn, "from client")
				conn.CloseWrite()
			}
			if got, err := io.ReadAll(br); string(got) != "from upstream" || err != nil {
				t.Errorf("client got %q, %v", got, err)
			}
			if first == "upstream" {
				io.WriteString(conn, "from client")
				conn.CloseWrite()
			}
			if got := mustReceive(t, upstreamDone); got != "from client, <nil>" {
				t.Errorf("upstream got %q", got)
			}
		})
	}
}

// Bytes sent right behind the heads, in the same segment or later, arrive,
// and before all others.
func TestUpgradeEarlyBytes(t *testing.T) {
	for _, size := range []int{1, 100, 4000, 4096, 5000, 100 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			early := strings.Repeat("0123456789", size/10+1)[:size]
			go1, got := make(chan struct{}), make(chan string, 1)
			_, url, _ := startUpgrade(t, "", func(conn net.Conn, br *bufio.Reader) {
				<-go1 // the client's bytes wait at the proxy until the answer
				io.WriteString(conn, upgradeAnswer+early)
				all, _ := io.ReadAll(br)
				got <- string(all)
				io.WriteString(conn, "end")
			})
			conn, br := dialRaw(t, url)
			io.WriteString(conn, upgradeRequest+early)
			close(go1)
			readHead(br)
			io.WriteString(conn, "later")
			conn.CloseWrite()
			if got := mustReceive(t, got); got != early+"later" {
				t.Errorf("upstream got %d bytes, want %d and later", len(got), size)
			}
			if down, err := io.ReadAll(br); string(down) != early+"end" || err != nil {
				t.Errorf("client got %d bytes, want %d and end; %v", len(down), size, err)
			}
		})
	}
}

// The same with TLS at the client's side.
func TestUpgradeTLS(t *testing.T) {
	got := make(chan string, 1)
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		io.WriteString(conn, upgradeAnswer+"early")
		all, _ := io.ReadAll(br)
		got <- string(all)
		io.WriteString(conn, "late")
	})
	_, h := newProxy(t, "*", backend)
	s := (&front{handler: h}).startTLS(t)
	conn := dialTLS(t, s)
	io.WriteString(conn, upgradeRequest+"from client")
	br := bufio.NewReader(conn)
	readHead(br)
	conn.CloseWrite()
	if got := mustReceive(t, got); got != "from client" {
		t.Errorf("upstream got %q", got)
	}
	if down, err := io.ReadAll(br); string(down) != "earlylate" || err != nil {
		t.Errorf("client got %q, %v", down, err)
	}
}

// 16 MiB each way at once.
func TestUpgradeBulk(t *testing.T) {
	const size = 16 << 20
	up := make(chan string, 1)
	_, url, _ := startUpgrade(t, upgradeAnswer, func(conn net.Conn, br *bufio.Reader) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(conn, noise(2, size))
			conn.(*net.TCPConn).CloseWrite()
		}()
		up <- sum(br)
		<-done
	})
	conn, br := dialRaw(t, url)
	io.WriteString(conn, upgradeRequest)
	readHead(br)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		io.Copy(conn, noise(1, size))
		conn.CloseWrite()
	}()
	if got, want := sum(br), sum(noise(2, size)); got != want {
		t.Errorf("down: %s, want %s", got, want)
	}
	if got, want := mustReceive(t, up), sum(noise(1, size)); got != want {
		t.Errorf("up: %s, want %s", got, want)
	}
	<-sent
}

// A 101 that is no answer to the request opens nothing, and its connection is
// closed.
func TestUpgradeWrongAnswers(t *testing.T) {
	tests := []struct{ name, answer, reason string }{
		{"no Connection", strings.Replace(upgradeAnswer, "Connection: Upgrade\r\n", "", 1), "101 without Connection: Upgrade"},
		{"no Upgrade", strings.Replace(upgradeAnswer, "Upgrade: websocket\r\n", "", 1), `101 to "" where "websocket" was asked for`},
		{"another protocol", strings.Replace(upgradeAnswer, "websocket", "h2c", 1), `101 to "h2c" where "websocket" was asked for`},
		{"two protocols", strings.Replace(upgradeAnswer, "websocket", "websocket, h2c", 1), `101 to "websocket, h2c" where "websocket" was asked for`},
		{"wrong key", strings.Replace(upgradeAnswer, "s3pP", "S3pP", 1), "101 with a Sec-WebSocket-Accept that does not fit the key"},
		{"no key", strings.Replace(upgradeAnswer, "Sec-Websocket-Accept", "X", 1), "101 with a Sec-WebSocket-Accept that does not fit the key"},
		{"too many interim responses", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 50), "too many interim responses"},
		{"no HTTP", "SSH-2.0-x\r\n", `malformed HTTP response "SSH-2.0-x"`},
		{"a status that is none", "HTTP/1.1 099 x\r\n\r\n", "a response with a status that nobody asked for"},
		{"a head without end", "HTTP/1.1 101 x\r\nX-A: " + strings.Repeat("a", 300<<10) + "\r\n\r\n", "the response has a head of more than 262144 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rest := make(chan string, 1)
			p, url, backend := startUpgrade(t, tt.answer, func(conn net.Conn, br *bufio.Reader) {
				all, _ := io.ReadAll(br) // ends when the proxy closes
				rest <- string(all)
			})
			log := logTo(p)
			got := exchangeRaw(t, url, strings.ReplaceAll(upgradeRequest, "\r\n", "\n"))
			if want := "\r\n\r\n502 Bad Gateway\nThe upstream server sent no valid response.\n"; !strings.HasSuffix(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := mustReceive(t, rest); got != "" {
				t.Errorf("upstream got %q", got)
			}
			if want := fmt.Sprintf("upstream=%s reason=%q", backend, tt.reason); !strings.Contains(log.String(), want) || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("log is %s, want %s", log, want)
			}
		})
	}
}

// An upstream that does not switch answers like to any request. What the
// client has sent behind its own is no request.
func TestUpgradeRefused(t *testing.T) {
	gone := make(chan struct{})
	page := strings.Repeat("no ", maxResponseHead) // more than a head may have
	length := fmt.Sprint(len(page))
	_, url, _ := startUpgrade(t, "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Basic\r\nContent-Length: "+length+"\r\n\r\n"+page, func(conn net.Conn, br *bufio.Reader) {
		io.Copy(io.Discard, br)
		close(gone)
	})
	got := exchangeRaw(t, url, strings.ReplaceAll(upgradeRequest, "\r\n", "\n")+"GET / HTTP/1.1\nHost: a.test\n\n")
	want := crlf("HTTP/1.1 401 Unauthorized\nConnection: close\nContent-Length: "+length+"\nWww-Authenticate: Basic\n\n") + page
	if got != want {
		t.Errorf("got %.200q (%d bytes), want %.200q (%d bytes)", got, len(got), want, len(want))
	}
	mustReceive(t, gone)
}

// An upgrade may have a body, as Docker's have.
func TestUpgradeWithBody(t *testing.T) {
	got := make(chan string, 1)
	_, url, _ := startUpgrade(t, "", func(conn net.Conn, br *bufio.Reader) {
		body := make([]byte, 4)
		io.ReadFull(br, body)
		io.WriteString(conn, "HTTP/1.1 101 Upgraded\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		rest, _ := io.ReadAll(br)
		got <- string(body) + "|" + string(rest)
	})
	conn, br := dialRaw(t, url)
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\nbodyrest")
	readHead(br)
	conn.CloseWrite()
	if got := mustReceive(t, got); got != "body|rest" {
		t.Errorf("upstream got %q", got)
	}
}

// The registry knows a tunnel while it lives, and can end it.
func TestUpgradeInRegistry(t *testing.T) {
	p, url, backend := startUpgrade(t, upgradeAnswer, func(conn net.Conn, br *bufio.Reader) { io.Copy(conn, br) })
	conn, br := dialRaw(t, url)
	io.WriteString(conn, upgradeRequest+"x")
	readHead(br)
	if b, err := br.ReadByte(); b != 'x' || err != nil { // now it must be known
		t.Fatalf("got %q, %v", b, err)
	}
	e := p.Tunnels.Live()[0]
	if e.Rule != "line 7 *" || e.Client != "127.0.0.1" || e.Target != backend || e.Started.IsZero() {
		t.Errorf("entry is %+v", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Tunnels.CloseAll(ctx, "shutting down"); err != nil {
		t.Error(err)
	}
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		t.Errorf("client got %q", rest)
	}
	if live := p.Tunnels.Live(); len(live) > 0 {
		t.Errorf("still known: %+v", live[0])
	}
}

// What an upgraded connection carries is counted while it does, for the tunnel
// and for its rule, whether the kernel copies or not.
func TestUpgradeIsCounted(t *testing.T) {
	p, url, _ := startUpgrade(t, upgradeAnswer, func(conn net.Conn, br *bufio.Reader) { io.Copy(conn, br) })
	p.Carried = new(tunnel.Totals)
	conn, br := dialRaw(t, url)
	io.WriteString(conn, upgradeRequest+"early")
	readHead(br)
	const size = 5 * spliceStep
	go conn.Write(make([]byte, size))
	if _, err := io.CopyN(io.Discard, br, size+5); err != nil {
		t.Fatal(err)
	}
	live := p.Tunnels.Live()
	if len(live) != 1 {
		t.Fatalf("%d tunnels", len(live))
	}
	conn.CloseWrite()
	if rest, err := io.ReadAll(br); len(rest) > 0 || err != nil {
		t.Fatalf("%q, %v", rest, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Tunnels.CloseAll(ctx, "the end"); err != nil {
		t.Fatal(err)
	}
	in, out := live[0].Meter.Received.Load(), live[0].Meter.Sent.Load()
	if in != size+5 || out != size+5 || p.Carried.Received.Load() != in || p.Carried.Sent.Load() != out {
		t.Errorf("counted %d and %d bytes, and in all %d and %d", in, out, p.Carried.Received.Load(), p.Carried.Sent.Load())
	}
}

// The end that is reset does not leave the other one waiting, not even one
// that does not care that nothing comes any more.
func TestUpgradeReset(t *testing.T) {
	gone := make(chan struct{})
	_, url, _ := startUpgrade(t, upgradeAnswer, func(conn net.Conn, br *bufio.Reader) {
		io.Copy(io.Discard, br)
		close(gone)
	})
	conn, br := dialRaw(t, url)
	io.WriteString(conn, upgradeRequest)
	readHead(br)
	conn.SetLinger(0)
	conn.Close()
	mustReceive(t, gone)
}

func TestJoinEndsAfterReset(t *testing.T) {
	conns := make(chan net.Conn)
	done := make(chan struct{})
	address := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		conns <- conn
		<-done
	})
	a, _ := dialRaw(t, address)
	b, _ := dialRaw(t, address) // stays as it is
	atA, atB := mustReceive(t, conns), mustReceive(t, conns)
	a.SetLinger(0)
	a.Close()
	nothing := func(c net.Conn) half { return half{c, bufio.NewReader(c)} }
	go func() {
		defer close(done)
		join(nothing(atA), nothing(atB), time.Millisecond, new(tunnel.Meter))
	}()
	mustReceive(t, done)
	b.Close()
}

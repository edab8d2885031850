//go:build unix

package e2e

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Ports are taken from below the range from which the kernel takes those of
// outgoing connections, so that nothing gets a port between the moment the
// test picks it and the moment the program binds it.
const firstPort, portCount = 20000, 12000

var nextPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(portCount))
	return n
}()

// freePort gives a TCP port that nobody uses, each one once.
func freePort(t *testing.T) int {
	t.Helper()
	for range 200 {
		port := firstPort + int(nextPort.Add(1)%portCount)
		ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

// acceptLoop serves every connection of a listener on a goroutine of its own
// until the test ends, and then closes what is open and waits for them.
func acceptLoop(t *testing.T, ln net.Listener, serve func(net.Conn)) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open = make(map[net.Conn]bool)
	)
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			wg.Go(func() {
				serve(conn)
				conn.Close()
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// listenTCP serves connections on a free loopback port and gives the port.
func listenTCP(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	acceptLoop(t, ln, serve)
	return ln.Addr().(*net.TCPAddr).Port
}

// echo sends back what it gets.
func echo(conn net.Conn) { io.Copy(conn, conn) }

// names is an HTTP proxy for CONNECT. It stands for the DNS: the clients under
// test reach hosts by their real names and ports, and it knows where in this
// test these are.
type names struct {
	url string

	mu        sync.Mutex
	addresses map[string]string // "host:port" -> address
}

func newNames(t *testing.T, addresses map[string]string) *names {
	t.Helper()
	n := &names{addresses: addresses}
	n.url = "http://127.0.0.1:" + strconv.Itoa(listenTCP(t, n.serve))
	return n
}

// env makes Go programs and curl use n.
func (n *names) env() []string { return []string{"HTTPS_PROXY=" + n.url} }

// add makes n know one more place.
func (n *names) add(host, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses[host] = address
}

// address gives the place of "host:port", "" if it is not known.
func (n *names) address(host string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addresses[host]
}

func (n *names) serve(client net.Conn) {
	in := bufio.NewReader(client)
	request, err := http.ReadRequest(in)
	if err != nil || request.Method != http.MethodConnect {
		io.WriteString(client, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
		return
	}
	address := n.address(request.Host)
	if address == "" {
		io.WriteString(client, "HTTP/1.1 502 No Such Host\r\n\r\n")
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		io.WriteString(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer server.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	var wg sync.WaitGroup
	wg.Go(func() { pass(server, in) })
	wg.Go(func() { pass(client, server) })
	wg.Wait()
}

// pass copies until from ends, and then ends to.
func pass(to net.Conn, from io.Reader) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}

// dial opens a connection that the test's end closes. Everything on it has a
// deadline.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	return conn.(*net.TCPConn)
}

// say sends text to an echo and checks that it comes back.
func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("sent %q, got %q back, error %v", text, got, err)
	}
}

// eventually calls f until it gives nil. There is no event to wait for where
// it is used: what it looks at belongs to another process.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(20 * time.Millisecond) // the pace of polling
	}
}

// await waits until something is closed.
func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
	}
}

// forNamespaces are the addresses of networks that tests make.
var forNamespaces = netip.MustParsePrefix("198.18.0.0/15")

//go:build unix

package e2e

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var copyMiB = flag.Int("copy-mib", 100, "how much TestSCPSurvives copies")

// cutter is a TCP proxy between dewebsockify and the server that breaks
// connections, and can be made to swallow everything.
type cutter struct {
	target string
	port   int

	mu    sync.Mutex
	pairs map[net.Conn]net.Conn // the client's connection to the server's
	black bool                  // new connections get no answer
	bytes int64                 // passed on so far
	moved *sync.Cond
}

func startCutter(t *testing.T, target string) *cutter {
	t.Helper()
	c := &cutter{target: target, pairs: make(map[net.Conn]net.Conn)}
	c.moved = sync.NewCond(&c.mu)
	c.port = listenTCP(t, c.serve)
	t.Cleanup(func() { c.cut(false) })
	return c
}

func (c *cutter) address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *cutter) serve(client net.Conn) {
	c.mu.Lock()
	black := c.black
	c.mu.Unlock()
	if black {
		io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	c.pairs[client] = server
	c.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { c.pass(server, client) })
	wg.Go(func() { c.pass(client, server) })
	wg.Wait()
}

func (c *cutter) pass(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		c.bytes += int64(n)
		c.moved.Broadcast()
		c.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// cut breaks every connection; where halfOpen is set, the server does not
// notice.
func (c *cutter) cut(halfOpen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for client, server := range c.pairs {
		client.(*net.TCPConn).SetLinger(0)
		client.Close()
		if !halfOpen {
			server.Close()
		}
		if !halfOpen {
			delete(c.pairs, client)
		}
	}
}

// after waits until so many more bytes have passed.
func (c *cutter) after(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := c.bytes + n; c.bytes < end; {
		c.moved.Wait()
	}
}

// resumable starts a server with a tunnel to target, a cutter before it, and
// dewebsockify, and gives a connection through them.
func resumable(t *testing.T, target int) (*rules, *cutter, *process, string) {
	t.Helper()
	r := startRules(t, fmt.Sprintf("      \"/t\": \"websockify -> %d\"\n", target))
	c := startCutter(t, r.address())
	p, local := startClient(t, nil, "ws://"+c.address()+"/t")
	return r, c, p, local
}

// TestCopySurvives copies 32 MiB each way over SSH while the WebSocket is cut
// ten times, some of them so that the server does not notice, and the server
// reloads its config.
func TestCopySurvives(t *testing.T) {
	t.Parallel()
	server := startSSHStandIn(t, "127.0.0.1")
	r, c, p, local := resumable(t, server.port)
	client := sshOver(t, dial(t, local), server)
	const size = 32 << 20
	want, err := sumOf(io.LimitReader(payload(), size))
	if err != nil {
		t.Fatal(err)
	}
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for i := range 10 {
			c.after(1<<20 + rand.Int64N(1<<20))
			c.cut(i%3 == 2)
			if i == 4 {
				r.signal(t, syscall.SIGHUP)
			}
		}
	})
	if got := string(sshRun(t, client, "sum", io.LimitReader(payload(), size))); got != want {
		t.Errorf("sent %d bytes with sum %s, the server got %s", size, want, got)
	}
	cutting.Wait()
	c.cut(false)
	down := sshRun(t, client, fmt.Sprintf("source %d", size), nil)
	if got, _ := sumOf(strings.NewReader(string(down))); got != want {
		t.Errorf("received %d bytes with sum %s, want %s", len(down), got, want)
	}
	if n := strings.Count(p.output.String(), "resumed after "); n < 5 {
		t.Errorf("resumed %d times", n)
	}
}

// TestRestartedServer: a session of a server that is no more is not resumed, and
// the user learns of it.
func TestRestartedServer(t *testing.T) {
	t.Parallel()
	r, c, p, local := resumable(t, listenTCP(t, echo))
	conn := dial(t, local)
	say(t, conn, "hello")
	other := startRules(t, fmt.Sprintf("      \"/t\": \"websockify -> %d\"\n", listenTCP(t, echo)))
	c.mu.Lock()
	c.target = other.address()
	c.mu.Unlock()
	r.kill()
	c.cut(false)
	if _, err := io.ReadAll(conn); err == nil {
		t.Error("the connection has ended as if it were complete")
	}
	p.lineWith(t, "the session cannot be resumed: the server does not know it")
}

// TestSCPSurvives copies with OpenSSH while the WebSocket is cut.
func TestSCPSurvives(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	scp := need(t, "openssh-client", "scp")
	_, c, p, local := resumable(t, d.port)
	_, port, _ := net.SplitHostPort(local)
	config := d.clientConfig(t, "HostName 127.0.0.1", "Port "+port)
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	file, err := os.Create(from)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(*copyMiB) << 20
	if _, err := io.CopyN(file, payload(), size); err != nil {
		t.Fatal(err)
	}
	file.Close()
	copying := start(t, nil, scp, "-F", config, from, "server:"+to)
	for range 10 {
		c.after(size/40 + rand.Int64N(size/40))
		c.cut(false)
	}
	select {
	case <-copying.ended:
	case <-time.After(4 * patience):
		t.Fatal("scp does not end")
	}
	got, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	want, _ := sumOf(io.LimitReader(payload(), size))
	if sum, err := sumOf(got); sum != want || err != nil {
		t.Errorf("the copy has sum %s, want %s; error %v", sum, want, err)
	}
	if n := strings.Count(p.output.String(), "resumed after "); n < 8 {
		t.Errorf("resumed %d times", n)
	}
}

// TestBlackout: nothing gets through for half a minute, and no end is heard of.
func TestBlackout(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	t.Parallel()
	_, c, _, local := resumable(t, listenTCP(t, echo))
	conn := dial(t, local)
	conn.SetDeadline(time.Now().Add(3 * patience))
	say(t, conn, "before")
	c.mu.Lock()
	c.black = true
	c.mu.Unlock()
	c.cut(true)
	light := time.AfterFunc(30*time.Second, func() {
		c.mu.Lock()
		c.black = false
		c.mu.Unlock()
		c.cut(true)
	})
	defer light.Stop()
	say(t, conn, "in the dark")
}

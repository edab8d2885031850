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

var (
	copyMiB  = flag.Int("copy-mib", 100, "how much TestSCPSurvives copies")
	darkness = flag.Duration("blackout", 5*time.Second, "how long nothing gets through to ssh and scp")
)

// resumable starts a server with a tunnel to target, a cutter before it, and
// dewebsockify, and gives a connection through them.
func resumable(t *testing.T, target int) (*rules, *cutter, *process, string) {
	t.Helper()
	r := startRules(t, tunnelRule(target))
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

// tunnelRule is one whose server soon notices what is lost.
func tunnelRule(target int) string {
	return fmt.Sprintf("      \"/t\": {$: websockify, target: %d, ping: 10s}\n", target)
}

// addRule reloads the server with its rules and another one.
func (r *rules) addRule(t *testing.T, text string) {
	t.Helper()
	r.write(t, text+"      \"other.example\": \"reject -> 410\"\n")
	from := len(r.output.String())
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, from, "config reloaded")
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

// TestSCPSurvives copies with OpenSSH while the WebSocket is cut, the server
// reloads another config, and nothing gets through for a while.
func TestSCPSurvives(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	scp := need(t, "openssh-client", "scp")
	r, c, p, local := resumable(t, d.port)
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
	for i := range 10 {
		c.after(size/40 + rand.Int64N(size/40))
		switch i {
		case 3:
			r.addRule(t, tunnelRule(d.port))
			c.cut(false)
		case 6:
			c.blackout()
			time.AfterFunc(*darkness, c.light)
		default:
			c.cut(false)
		}
	}
	select {
	case <-copying.ended:
	case <-time.After(4*patience + time.Duration(*copyMiB)*time.Second/2):
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
	c.blackout()
	defer time.AfterFunc(30*time.Second, c.light).Stop()
	say(t, conn, "in the dark")
}

//go:build unix

package e2e

import (
	"bufio"

	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// knocker is a connection of HTTP/1.1 that a test asks by hand.
type knocker struct {
	*net.TCPConn
	in *bufio.Reader
}

// knockFrom connects from a local address to a port of this machine.
func knockFrom(t *testing.T, from string, port int) *knocker {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * patience))
	return &knocker{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// ask sends a request and gives the status of the answer; the connection stays.
func (k *knocker) ask(path string) (int, error) {
	if _, err := fmt.Fprintf(k, "GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n", path); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(k.in, nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// TestConnectionFlood opens more connections than one client may have, and than
// all may have together: exactly as many are served as are allowed, and when
// they are gone there is room again.
func TestConnectionFlood(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := startLean(t, fmt.Sprintf(`
limits: {maxConnections: 50, maxConnectionsPerAddress: 20}
ports: {"127.0.0.1:%d": {"*": "reject -> 404"}}
`, port), 0)
	var open []*knocker
	for _, client := range []struct {
		from         string
		tries, serve int
	}{
		{"127.0.0.1", 60, 20},
		{"127.0.0.2", 30, 20},
		{"127.0.0.3", 30, 10}, // the port is full
		{"127.0.0.4", 30, 0},
	} {
		served := 0
		for range client.tries {
			k := knockFrom(t, client.from, port)
			if status, err := k.ask("/"); err == nil && status == http.StatusNotFound {
				served++
				open = append(open, k)
			}
		}
		if served != client.serve {
			t.Errorf("%s: %d of %d connections were served, want %d", client.from, served, client.tries, client.serve)
		}
	}
	p.waitFor(t, 0, "connections are refused: too many are open")
	for i, k := range open {
		if status, err := k.ask("/"); err != nil || status != http.StatusNotFound {
			t.Errorf("connection %d, which was there before the flood: %d, %v", i, status, err)
		}
		k.Close()
	}
	eventually(t, "there is room again", func() error {
		status, err := knockFrom(t, "127.0.0.4", port).ask("/")
		if err == nil && status != http.StatusNotFound {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

// descriptorLimit is so low that a test reaches it with few connections.
const descriptorLimit = 120

// TestDescriptorsExhausted: when no descriptor is left, the connections that
// have been idle longest make room. While none is idle, waiting for room costs
// next to nothing, and room is used as soon as it is there.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	release := make(chan struct{})
	arrived := make(chan struct{}, descriptorLimit)
	app := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	p := startLean(t, fmt.Sprintf("ports: {\"127.0.0.1:%d\": {\"/held\": %d, \"*\": \"reject -> 404\"}}\n", port, app), descriptorLimit)

	var idle []*knocker
	for i := range 3 * descriptorLimit {
		k := knockFrom(t, "127.0.0.1", port)
		if status, err := k.ask("/"); err != nil || status != http.StatusNotFound {
			t.Fatalf("connection %d: %d, %v", i, status, err)
		}
		idle = append(idle, k)
	}
	if _, err := idle[0].ask("/"); err == nil {
		t.Errorf("the oldest connection is still open, though no more than %d can be", descriptorLimit)
	}
	if _, err := idle[len(idle)-1].ask("/"); err != nil {
		t.Errorf("the newest connection was closed: %v", err)
	}
	p.waitFor(t, 0, "cannot accept a connection, will go on trying")

	held := hold(t, port, arrived)
	for range 3 {
		knockFrom(t, "127.0.0.1", port) // waits to be accepted
	}
	t.Logf("%d requests are held with %d descriptors", len(held), descriptorLimit)
	before := p.cpu(t)
	time.Sleep(time.Second) // what is measured is a second of waiting
	if used := p.cpu(t) - before; used > 250*time.Millisecond {
		t.Errorf("waiting for a descriptor took %v of processor time in a second", used)
	} else {
		t.Logf("waiting for a descriptor took %v of processor time in a second", used)
	}
	close(release)
	for i, k := range held {
		if response, err := http.ReadResponse(k.in, nil); err != nil || response.StatusCode == http.StatusNotFound {
			t.Errorf("request %d, which was under way: %v", i, err)
		}
		k.Close()
	}
	eventually(t, "new connections are served again", func() error {
		status, err := knockFrom(t, "127.0.0.1", port).ask("/")
		if err == nil && status != http.StatusNotFound {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

// hold begins requests that the app holds until it gets no more of them, for
// want of descriptors.
func hold(t *testing.T, port int, arrived <-chan struct{}) (held []*knocker) {
	t.Helper()
	for len(held) < descriptorLimit {
		k := knockFrom(t, "127.0.0.1", port)
		if _, err := io.WriteString(k, "GET /held HTTP/1.1\r\nHost: a.example\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		held = append(held, k)
		select {
		case <-arrived:
			continue
		case <-time.After(2 * time.Second): // it has nothing to arrive with
		}
		break
	}
	return held
}

package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"httpmaster/config"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of these tests; none of them is expected to take
// long, it only ends a test that would hang.
const patience = 20 * time.Second

// running is a Server under test and what it logged.
type running struct {
	t   *testing.T
	srv *Server
	log *logBuffer
}

// logBuffer collects log lines; it is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start serves a config text on loopback until the test ends.
func start(t *testing.T, text string) *running {
	t.Helper()
	log := &logBuffer{}
	r := &running{t: t, log: log, srv: New(slog.New(slog.NewTextHandler(log, nil)))}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	if err := r.apply(text); err != nil {
		t.Fatal(err)
	}
	return r
}

// apply loads, builds and applies a config text.
func (r *running) apply(text string) error {
	cfg, faults := config.Parse("config.yaml", []byte(text))
	gen := r.srv.Build(cfg, faults)
	if err := faults.Err(); err != nil {
		gen.Discard()
		return err
	}
	return r.srv.Apply(gen)
}

// Ports are taken from below the range from which the kernel takes those of
// outgoing connections, and beside the one of the tests of whole programs, so
// that nothing gets a port between the moment it is picked and that when it is
// bound.
const firstPort, portCount = 10000, 9000

var nextPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(portCount))
	return n
}()

// freePorts gives n loopback addresses that nothing listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for range 200 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int(nextPort.Add(1)%portCount)))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		ln.Close()
		if addrs = append(addrs, addr); len(addrs) == n {
			return addrs
		}
	}
	t.Fatal("no free ports found")
	return nil
}

// client makes a client whose every connection goes to addr, whatever the
// URL's host, that trusts every certificate and follows no redirect.
func client(t *testing.T, addr string) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		},
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
		Protocols:          new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	transport.Protocols.SetHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport,
		Timeout:   patience,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// get asks for url and gives status, headers and body.
func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// wantStatus asks for url and fails the test unless the status is as wanted.
func wantStatus(t *testing.T, c *http.Client, url string, status int) {
	t.Helper()
	resp, body := get(t, c, url)
	if resp.StatusCode != status {
		t.Errorf("GET %s: %s, want %d; body %q", url, resp.Status, status, body)
	}
}

// backend serves handler on a loopback port of its own.
func backend(t *testing.T, handler http.HandlerFunc) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-ended
	})
	return ln.Addr().String()
}

// echoService accepts TCP connections and sends back what they send.
func echoService(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// quoted writes s as a YAML string.
func quoted(s string) string { return fmt.Sprintf("%q", s) }

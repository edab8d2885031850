//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rules is a server with a config that tests rewrite: one plain port with the
// rules they give.
type rules struct {
	*process
	file   string
	port   int
	client *http.Client
}

func startRules(t *testing.T, text string, args ...string) *rules {
	t.Helper()
	r := &rules{file: filepath.Join(t.TempDir(), "config.yaml"), port: freePort(t)}
	r.client = newHTTPClient(t, new(tls.Config), func(string) string { return r.address() })
	r.write(t, text)
	r.process = startServer(t, r.file, args...)
	return r
}

func (r *rules) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

func (r *rules) write(t *testing.T, text string) {
	t.Helper()
	writeFile(t, r.file, fmt.Sprintf("ports:\n  \"127.0.0.1:%d\":\n    router:\n%s", r.port, text))
}

// answer is an app that always says the same.
func answer(t *testing.T, text string) int {
	t.Helper()
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }))
}

func (r *rules) wantBody(t *testing.T, url, want string) {
	t.Helper()
	if _, body := get(t, r.client, url); body != want {
		t.Errorf("%s answered %q, want %q", url, body, want)
	}
}

// TestReload changes the rules under a running server: connections and tunnels
// stay, new requests meet the new rules, and no client is turned away.
func TestReload(t *testing.T) {
	t.Parallel()
	first, second := answer(t, "first"), answer(t, "second")
	tunnelRule := fmt.Sprintf("      \"/echo\": \"websockify -> %d\"\n", listenTCP(t, echo))
	r := startRules(t, tunnelRule+fmt.Sprintf("      \"a.example\": %d\n", first))
	r.wantBody(t, "http://a.example/", "first")
	_, local := startClient(t, nil, "ws://"+r.address()+"/echo")
	tunnel := dial(t, local)
	say(t, tunnel, "before the reload")

	stop := knock(t, r.address())
	for i, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1} {
		from := len(r.output.String())
		r.write(t, tunnelRule+fmt.Sprintf("      \"a.example\": %d\n      \"b%d.example\": %d\n", second, i, first))
		r.signal(t, s)
		r.waitFor(t, from, "config reloaded")
		r.wantBody(t, fmt.Sprintf("http://b%d.example/", i), "first")
	}
	stop()

	var reused bool
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "http://a.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if body := readBody(t, response); body != "second" {
		t.Errorf("the changed rule answers %q, want \"second\"", body)
	}
	if !reused {
		t.Error("the reload closed an idle client connection")
	}
	say(t, tunnel, "after the reload")
}

// knock connects over and over until the returned function is called; each
// connection must be accepted.
func knock(t *testing.T, address string) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			conn, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Errorf("connection %d during the reload: %v", n, err)
				return
			}
			conn.Close()
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond): // leave the processor to others
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func TestReloadOfFaultyFile(t *testing.T) {
	t.Parallel()
	r := startRules(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, "first")))
	from := len(r.output.String())
	r.write(t, "      \"a.example\": \"reject -> 404\"\n      \"b.example/*\": \"[5]:80\"\n")
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, from, "the old one keeps running")
	if want := r.file + ":5:"; !strings.Contains(r.output.String()[from:], want) {
		t.Errorf("the log does not say where the fault is, %s…:\n%s", want, r.output.String()[from:])
	}
	r.wantBody(t, "http://a.example/", "first")

	from = len(r.output.String())
	r.write(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, "repaired")))
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, from, "config reloaded")
	r.wantBody(t, "http://a.example/", "repaired")
}

// TestReloadPortTaken: a new port that cannot be had changes nothing.
func TestReloadPortTaken(t *testing.T) {
	t.Parallel()
	r := startRules(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, "first")))
	taken := listenTCP(t, echo)
	from := len(r.output.String())
	writeFile(t, r.file, fmt.Sprintf("ports: {\"127.0.0.1:%d\": {\"*\": \"reject -> 404\"}, \"127.0.0.1:%d\": 80}\n", r.port, taken))
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, from, "the old one keeps running")
	r.wantBody(t, "http://a.example/", "first")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	r := startRules(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, "first")), "--watch")
	r.wantBody(t, "http://a.example/", "first")
	for _, text := range []string{"second", "third"} {
		from := len(r.output.String())
		r.write(t, fmt.Sprintf("      \"a.example\": %d\n", answer(t, text)))
		r.waitFor(t, from, "config reloaded")
		r.wantBody(t, "http://a.example/", text)
	}
}

// TestRemovedPort: a port that leaves the config is closed, one that comes is
// opened.
func TestRemovedPort(t *testing.T) {
	t.Parallel()
	r := startRules(t, fmt.Sprintf("      \"*\": %d\n", answer(t, "first")))
	old, fresh := r.address(), freePort(t)
	from := len(r.output.String())
	r.port = fresh
	r.write(t, fmt.Sprintf("      \"*\": %d\n", answer(t, "second")))
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, from, "config reloaded")
	r.wantBody(t, "http://a.example/", "second")
	eventually(t, "the removed port is closed", func() error {
		conn, err := net.Dial("tcp", old)
		if err != nil {
			return nil
		}
		conn.Close()
		return fmt.Errorf("%s still accepts", old)
	})
}

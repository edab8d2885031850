//go:build unix

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestRefusedTunnel checks that dewebsockify says in one line why there is no
// tunnel.
func TestRefusedTunnel(t *testing.T) {
	t.Parallel()
	backend := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			http.Redirect(w, r, "https://login.example/?next=tunnel", http.StatusSeeOther)
		}
	}))
	s := startSite(t, setup{app: backend})
	s.names.add("unknown.example:443", s.address(s.tls))
	trust := []string{"--ca", s.trustedRoot}
	for _, test := range []struct {
		name  string
		flags []string
		url   string
		code  int
		says  []string
	}{
		{"nothing behind", trust, staticURL, 4, []string{"502", "the target refused the connection"}},
		{"target not allowed", trust, "wss://myserver.com/ssh/localhost/22", 4, []string{"403", "allowed"}},
		{"metadata address", trust, "wss://myserver.com/ssh/169.254.169.254/80", 4, []string{"403", "allowed"}},
		{"no WebSocket there", trust, "wss://myserver.com/page", 4, []string{"200"}},
		{"redirect", trust, "wss://myserver.com/login", 4, []string{"303", "wss://login.example/?next=tunnel"}},
		{"upgrades are not redirected", nil, "ws://" + s.address(s.plain) + "/", 4, []string{"404"}},
		{"unknown authority", nil, staticURL, 5, []string{"certificate", "authority", "--ca"}},
		{"other name", trust, "wss://unknown.example/", 5, []string{"certificate", "mywebsite.net"}},
		{"unknown host", trust, "wss://nowhere.example/", 4, []string{"proxy", "502"}},
		{"nobody listens", nil, fmt.Sprintf("ws://127.0.0.1:%d/", freePort(t)), 3, []string{"refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, s.names.env(), nil, clientProgram, append(test.flags, test.url, "-")...)
			if got.code != test.code || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("%+v, want one line on stderr and the exit code %d", got, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("stderr %q does not say %q", got.stderr, want)
				}
			}
		})
	}
	t.Run("port form", func(t *testing.T) {
		p, address := startClient(t, s.names.env(), append(trust, staticURL)...)
		if got, err := io.ReadAll(dial(t, address)); err != nil || len(got) != 0 {
			t.Errorf("read %q, error %v", got, err)
		}
		if line := p.lineWith(t, "502"); !strings.Contains(line, "the target refused the connection") {
			t.Errorf("stderr says %q", line)
		}
		// It goes on listening: the next connection may fare better.
		dial(t, address)
	})
}

// TestInsecure accepts a certificate that nobody vouches for.
func TestInsecure(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{ssh: listenTCP(t, echo)})
	p, address := startClient(t, s.names.env(), "--insecure", staticURL)
	say(t, dial(t, address), "hello")
	p.lineWith(t, "warning: the server's certificate is not verified")
}

// TestClientListens where it was told to, and says so when it cannot.
func TestClientListens(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{ssh: listenTCP(t, echo)})
	port := strconv.Itoa(freePort(t))
	args := []string{"--ca", s.trustedRoot, staticURL, port}
	start(t, s.names.env(), clientProgram, args...).waitFor(t, 0, "listening on 127.0.0.1:"+port)
	say(t, dial(t, "127.0.0.1:"+port), "hello")
	got := run(t, s.names.env(), nil, clientProgram, args...)
	want := "dewebsockify: cannot listen on 127.0.0.1:" + port + ": another program uses the port; choose another, or 0 for a free one\n"
	if got.code != 6 || got.stderr != want {
		t.Errorf("the second one on the same port: %+v, want exit code 6 and %q", got, want)
	}
}

// TestHandshakeHeaders checks what dewebsockify sends of a user's own.
func TestHandshakeHeaders(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	port := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.WriteHeader(http.StatusUnauthorized)
	}))
	url := fmt.Sprintf("ws://me:p%%40ss:cret@127.0.0.1:%d/path?q=1", port)
	got := run(t, nil, nil, clientProgram, "--header", "X-One: 1", "--header", "X-Two: a b", url, "-")
	if !strings.Contains(got.stderr, "401") || strings.Contains(got.stderr, "cret") {
		t.Errorf("stderr %q: want 401, and never the password", got.stderr)
	}
	request := <-requests
	user, password, _ := request.BasicAuth()
	if user != "me" || password != "p@ss:cret" || request.RequestURI != "/path?q=1" {
		t.Errorf("asked for %q as %q with password %q", request.RequestURI, user, password)
	}
	if one, two := request.Header.Get("X-One"), request.Header.Get("X-Two"); one != "1" || two != "a b" {
		t.Errorf("the headers arrived as %q and %q", one, two)
	}
}

// TestManyConnections: one dewebsockify serves one tunnel per connection.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	s := startSite(t, setup{ssh: listenTCP(t, echo)})
	_, address := startClient(t, s.names.env(), "--ca", s.trustedRoot, staticURL)
	first, second := dial(t, address), dial(t, address)
	say(t, first, "one")
	say(t, second, "two")
	first.Close()
	say(t, second, "still two")
}

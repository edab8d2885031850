//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
)

// TestShutdown stops a server that has a tunnel open and a request under way:
// the tunnel's client is told, the request is finished, and then it exits.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			arrived, release := make(chan struct{}), make(chan struct{})
			slow := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(arrived)
				select {
				case <-release:
					io.WriteString(w, "done")
				case <-r.Context().Done():
				}
			}))
			r := startRules(t, fmt.Sprintf("      \"/echo\": \"websockify -> %d\"\n      \"/slow\": %d\n", listenTCP(t, echo), slow))
			_, local := startClient(t, nil, "ws://"+r.address()+"/echo")
			tunnel := dial(t, local)
			say(t, tunnel, "before the end")
			type outcome struct {
				body string
				err  error
			}
			finished := make(chan outcome, 1)
			go func() {
				_, body, err := tryGet(r.client, "http://a.example/slow")
				finished <- outcome{body, err}
			}()
			await(t, arrived, "the request reaches the app")

			r.signal(t, s)
			if rest, err := io.ReadAll(tunnel); !errors.Is(err, syscall.ECONNRESET) || len(rest) != 0 {
				t.Errorf("the tunnel's client read %q, error %v, want a reset: it was cut off", rest, err)
			}
			eventually(t, "the port is closed", func() error {
				conn, err := net.Dial("tcp", r.address())
				if err != nil {
					return nil
				}
				conn.Close()
				return errors.New("it still accepts")
			})
			close(release)
			if got := <-finished; got.err != nil || got.body != "done" {
				t.Errorf("the request under way: %q, %v, want \"done\"", got.body, got.err)
			}
			if code := r.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestSecondSignal does not wait for what is under way.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	slow := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	r := startRules(t, fmt.Sprintf("      \"/slow\": %d\n", slow))
	ended := make(chan error, 1)
	go func() {
		_, _, err := tryGet(r.client, "http://a.example/slow")
		ended <- err
	}()
	await(t, arrived, "the request reaches the app")
	r.signal(t, syscall.SIGTERM)
	r.waitFor(t, 0, "stopping")
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 1 {
		t.Errorf("exit code %d, want 1 for requests that were cut off", code)
	}
	if err := <-ended; err == nil {
		t.Error("the request was answered, which nobody could")
	}
}

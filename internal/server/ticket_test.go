//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"
)

// The way of a page: it has a password, asks for a ticket, and opens a
// WebSocket with that, to a tunnel or to an upstream, before or after a reload.
func TestTicketOpensWebSockets(t *testing.T) {
	forwarded := make(chan string, 10)
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		forwarded <- r.RequestURI
		http.Error(w, "no WebSocket here", http.StatusTeapot)
	})
	dir := t.TempDir()
	passwords, access := filepath.Join(dir, "passwd"), filepath.Join(dir, "access.log")
	if err := os.WriteFile(passwords, []byte("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	addr := freePorts(t, 1)[0]
	text := "ports: {" + quoted(addr) + ": {middleware: ['log -> " + access + "'], router: {'a.com': ['auth -> " + passwords + "', {" +
		"'/ticket': ticket, '/tunnel': 'websockify -> " + echoService(t) + "', '/app/*': " + quoted(app) + "}], " +
		"'b.com': ['auth -> " + passwords + "', 'websockify -> 22']}}}"
	s := start(t, text)
	c := client(t, addr)
	ticket := func() string {
		t.Helper()
		r, _ := http.NewRequest(http.MethodPost, "http://a.com/ticket", nil)
		r.SetBasicAuth("ann", "secret")
		r.Header.Set("Origin", "http://a.com")
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct{ Ticket string }
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Ticket == "" {
			t.Fatalf("%s: %+v, %v", resp.Status, answer, err)
		}
		return answer.Ticket
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	open := func(url, ticket string) int {
		t.Helper()
		ws, resp, err := websocket.Dial(ctx, url+"?x=y&ticket="+ticket, &websocket.DialOptions{HTTPClient: c, HTTPHeader: http.Header{"Origin": {"http://a.com"}}})
		if err == nil {
			ws.CloseNow()
		}
		if resp == nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	var all []string
	take := func() string {
		all = append(all, ticket())
		return all[len(all)-1]
	}
	first := take()
	if err := s.apply(text); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name, url, ticket string
		want              int
	}{
		{"after a reload", "ws://a.com/tunnel", first, 101},
		{"again", "ws://a.com/tunnel", first, 401},
		{"another host", "ws://b.com/tunnel", take(), 401},
		{"an upstream", "ws://a.com/app/x", take(), http.StatusTeapot},
	} {
		if got := open(step.url, step.ticket); got != step.want {
			t.Errorf("%s: got %d, want %d", step.name, got, step.want)
		}
	}
	if got := <-forwarded; got != "/app/x?x=y" {
		t.Errorf("the upstream got %s", got)
	}
	var lines []byte
	for deadline := time.Now().Add(patience); !bytes.Contains(lines, []byte(`"GET /app/x?*** HTTP/1.1" 418`)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the access log has\n%s", lines)
		}
		if lines, err = os.ReadFile(access); err != nil {
			t.Fatal(err)
		}
	}
	for _, ticket := range all {
		if strings.Contains(s.log.String(), ticket) || bytes.Contains(lines, []byte(ticket)) {
			t.Error("a log has a ticket")
		}
	}
	err = s.apply("ports: {" + quoted(addr) + ": {router: {'/ticket': ticket}}}")
	if err == nil || !strings.Contains(err.Error(), "ticket: nobody is known here who could get one; put `auth` before it, as in [\"auth -> passwd\", ticket]") {
		t.Errorf("without auth: %v", err)
	}
}

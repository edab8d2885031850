//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"httpmaster/internal/tunnel"
)

// A tunnel counts for its rule, its user and its address, under whatever config
// it was opened.
func TestMaxTunnelsOutlivesReloads(t *testing.T) {
	echo := echoService(t)
	addr := freePorts(t, 1)[0]
	passwords := filepath.Join(t.TempDir(), "passwd")
	line := ":{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n" // secret
	if err := os.WriteFile(passwords, []byte("ann"+line+"bob"+line+"eve"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	text := func(most string) string {
		return "ports: {" + quoted(addr) + ": {router: {'*': {'/echo/*': ['auth -> " + passwords + "', " +
			"{$: websockify, target: " + quoted(echo) + ", maxTunnels: " + most + "}], '/other': 'websockify -> " + echo + "'}}}}"
	}
	s := start(t, text("0"))
	open := func(user, path string) (end func(), refused string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, "secret")
		ws, err := (&tunnel.Dialer{Header: r.Header}).Dial(ctx, "ws://"+addr+path)
		var answer *tunnel.RefusedError
		if errors.As(err, &answer) {
			return nil, answer.Body
		}
		if err != nil {
			t.Fatal(err)
		}
		return ws.CloseNow, ""
	}
	must := func(user, path string) func() {
		t.Helper()
		end, refused := open(user, path)
		if refused != "" {
			t.Fatalf("%s at %s: %s", user, path, refused)
		}
		t.Cleanup(end)
		return end
	}
	must("ann", "/echo/1")
	must("bob", "/echo/2")
	must("", "/other")
	for _, step := range []struct{ most, user, want string }{
		{"{user: 1}", "ann", "you have too many tunnels open"},
		{"{user: 1, address: 2}", "eve", "too many tunnels are open from your address"},
		{"2", "eve", "too many tunnels are open"},
	} {
		if err := s.apply(text(step.most)); err != nil {
			t.Fatal(err)
		}
		if _, got := open(step.user, "/echo/3"); got != "503 Service Unavailable\n"+step.want+"\n" {
			t.Errorf("with maxTunnels %s %s got %q", step.most, step.user, got)
		}
		must("", "/other")
	}
	for _, want := range []string{
		`msg="tunnel refused" rule=`, `all 1 tunnels that maxTunnels.user allows are open for \"ann\"`,
		"all 2 tunnels that maxTunnels.address allows are open from 127.0.0.1", "all 2 tunnels that maxTunnels allows are open",
	} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log does not have %s", want)
		}
	}
	if err := s.apply(text("3")); err != nil {
		t.Fatal(err)
	}
	must("eve", "/echo/3")
}

// A tunnel whose client is away still counts, until the client is given up.
func TestMaxTunnelsCountsWhoIsAway(t *testing.T) {
	echo := echoService(t)
	addr := freePorts(t, 1)[0]
	text := func(most string) string {
		return "ports: {" + quoted(addr) + ": {router: {'/echo': {$: websockify, target: " + quoted(echo) + ", resume: 1h, maxTunnels: " + most + "}}}}"
	}
	s := start(t, text("1"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/echo", &websocket.DialOptions{Subprotocols: []string{"v1.tunnel.http-master"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(ctx); err != nil { // WELCOME
		t.Fatal(err)
	}
	ws.CloseNow()
	s.awaitLog("tunnel lost")
	for range 2 {
		_, err := (&tunnel.Dialer{}).Dial(ctx, "ws://"+addr+"/echo")
		if refused, ok := errors.AsType[*tunnel.RefusedError](err); !ok || refused.Status != 503 {
			t.Errorf("got %v", err)
		}
		if err := s.apply(text("1")); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitLog waits until the log has text.
func (r *running) awaitLog(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.log.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("the log never has %q", text)
		}
	}
}

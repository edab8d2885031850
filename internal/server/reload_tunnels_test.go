//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"nhooyr.io/websocket"
)

// openTunnel opens a tunnel to an echo.
func openTunnel(t *testing.T, url string) (*websocket.Conn, net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return ws, websocket.NetConn(ctx, ws, websocket.MessageBinary)
}

// say sends word to an echo.
func say(t *testing.T, conn net.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(conn, word); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(word))
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != word {
		t.Fatalf("the echo of %q was %q, %v", word, buf, err)
	}
}

// tunnelSite is a config whose router has a tunnel between other rules.
func tunnelSite(addr, port, before, rule, behind string) string {
	return "staleTunnels: 0\nports: {" + quoted(addr) + ": {" + port + "router: {" + before + rule + behind + "}}}"
}

// TestReloadAndTunnels holds which changes of a config end a tunnel.
func TestReloadAndTunnels(t *testing.T) {
	echo := echoService(t)
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rule := "'127.0.0.1/echo': 'websockify -> " + echo + "'"
	for _, test := range []struct {
		name                       string
		port, before, rule, behind string
		stays                      bool
	}{
		{"nothing", "", "", rule, "", true},
		{"rules beside it", "", "'b.example': 'reject -> 404', ", rule, ", '*': 'reject -> 410'", true},
		{"another spelling", "", "", "'127.0.0.1/echo': {$: websockify, target: '" + echo + "'}", "", true},
		{"an error page", "errorHtmlFile: '" + users + "', ", "", rule, "", true},
		{"the rule is gone", "", "'b.example': 'reject -> 404'", "", "", false},
		{"another path", "", "", strings.Replace(rule, "/echo", "/ech*", 1), "", false},
		{"a setting", "", "", "'127.0.0.1/echo': {$: websockify, target: '" + echo + "', ping: 1m}", "", false},
		{"auth before it", "", "", "'127.0.0.1/echo': ['auth -> " + users + "', 'websockify -> " + echo + "']", "", false},
		{"auth before the router", "middleware: ['auth -> " + users + "'], ", "", rule, "", false},
		{"in a nested router", "", "", "'127.0.0.1': {'127.0.0.1/echo': 'websockify -> " + echo + "'}", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			s := start(t, tunnelSite(addr, "", "", rule, ""))
			ws, tcp := openTunnel(t, "ws://"+addr+"/echo")
			say(t, tcp, "before")
			if err := s.apply(tunnelSite(addr, test.port, test.before, test.rule, test.behind)); err != nil {
				t.Fatal(err)
			}
			if test.stays {
				say(t, tcp, "after")
				return
			}
			_, _, err := ws.Read(t.Context())
			var closed websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway || closed.Reason != "the rule of this tunnel was changed or removed" {
				t.Errorf("the tunnel's client got %v", err)
			}
			if want := `msg="tunnels of rules that were changed or removed will be closed" tunnels=1 after=0s`; !strings.Contains(s.log.String(), want) {
				t.Errorf("no %s in the log", want)
			}
		})
	}
}

// upgradeTo opens an upgraded connection to a backend that echoes.
func upgradeTo(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	head := make([]byte, 0, 1024)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		head = head[:len(head)+1]
		if _, err := conn.Read(head[len(head)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("got %s", head)
	}
	return conn
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n"

// upgrader is an app that echoes once it is asked to.
func upgrader(t *testing.T) (addr string) {
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, upgraded)
		io.Copy(conn, rw)
	})
}

func TestReloadAndUpgradedConnections(t *testing.T) {
	app, addr := upgrader(t), freePorts(t, 1)[0]
	text := func(more, target string) string {
		return "staleTunnels: 0\nports: {" + quoted(addr) + ": {router: {" + more + "'a.example': " + target + "}}}"
	}
	s := start(t, text("", quoted(app)))
	conn := upgradeTo(t, addr)
	say(t, conn, "before")
	if err := s.apply(text("'b.example': 'reject -> 404', ", quoted(app))); err != nil {
		t.Fatal(err)
	}
	say(t, conn, "after another rule came")
	if err := s.apply(text("", quoted(app+"/x"))); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(conn); len(rest) > 0 {
		t.Errorf("got %q", rest)
	}
}

func TestStaleTunnelsNever(t *testing.T) {
	echo, addr := echoService(t), freePorts(t, 1)[0]
	s := start(t, tunnelSite(addr, "", "", "'/echo': 'websockify -> "+echo+"'", ""))
	_, tcp := openTunnel(t, "ws://"+addr+"/echo")
	if err := s.apply("staleTunnels: never\n" + site(addr, "404")); err != nil {
		t.Fatal(err)
	}
	say(t, tcp, "after its rule has gone")
	if want := `msg="tunnels of rules that were changed or removed stay open" tunnels=1`; !strings.Contains(s.log.String(), want) {
		t.Errorf("no %s in the log", want)
	}
}

// TestMaxTunnelsOverReload: the tunnels of a rule are counted on when a reload
// leaves the rule as it is.
func TestMaxTunnelsOverReload(t *testing.T) {
	echo, addr := echoService(t), freePorts(t, 1)[0]
	text := "ports: {" + quoted(addr) + ": {router: {'/echo': {$: websockify, target: '" + echo + "', maxTunnels: 1}}}}"
	s := start(t, text)
	_, tcp := openTunnel(t, "ws://"+addr+"/echo")
	say(t, tcp, "before")
	if err := s.apply(text); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, resp, err := websocket.Dial(ctx, "ws://"+addr+"/echo", nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a second tunnel: %v, %v", resp, err)
	}
}

// TestTunnelLetsGoOfItsConfig holds that a tunnel keeps neither what its config
// shared nor the memory of it, and that its last line still gets into the log.
func TestTunnelLetsGoOfItsConfig(t *testing.T) {
	echo, app, addr := echoService(t), upgrader(t), freePorts(t, 1)[0]
	accessLog := filepath.Join(t.TempDir(), "access.log")
	chain := "middleware: ['log -> " + accessLog + "', 'gzip -> 1', 'addHeader -> A=b', 'addHeaderToResponse -> A=b', 'limit -> 100/s']"
	s := start(t, "ports: {"+quoted(addr)+": {"+chain+", router: {'/echo': 'websockify -> "+echo+"', '*': {'*': "+quoted(app)+"}}}}")
	ws, tunnel := openTunnel(t, "ws://"+addr+"/echo")
	say(t, tunnel, "a tunnel")
	conn := upgradeTo(t, addr)
	say(t, conn, "an upgraded connection")

	old := weak.Make(s.srv.current)
	gone := make(chan struct{})
	s.srv.current.releases = append(s.srv.current.releases, func() { close(gone) })
	if err := s.apply("staleTunnels: never\n" + site(addr, "404")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the tunnels hold their config")
	}
	for deadline := time.Now().Add(patience); old.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the tunnels keep the memory of their config")
		}
	}
	say(t, tunnel, "still")
	say(t, conn, "there")
	ws.Close(websocket.StatusNormalClosure, "")
	conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.srv.tunnels.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GET /echo HTTP/1.1\" 101 13 ", "GET / HTTP/1.1\" 101 27 "} {
		wantInFile(t, accessLog, want)
	}
}

// wantInFile waits for a text in a file that somebody writes.
func wantInFile(t *testing.T, name, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("no %s in %s:\n%s", want, name, text))
		}
	}
}

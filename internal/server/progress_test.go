package server

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/net/http2"
)

// bigFile makes a folder with a file that is more than all buffers on the way
// to a client have room for.
func bigFile(t *testing.T) (dir string) {
	dir = t.TempDir()
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestClientsOfHTTP2ThatTakeNothing holds that a stream ends whose client gives
// no window for what is written to it.
func TestClientsOfHTTP2ThatTakeNothing(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) })
	for target, want := range map[string]string{
		"static -> " + bigFile(t): "200 RESET INTERNAL_ERROR",
		"reject -> 410":           "410 RESET INTERNAL_ERROR",
		"status":                  "200 RESET INTERNAL_ERROR",
		app:                       "200 RESET INTERNAL_ERROR",
	} {
		t.Run(target, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(target)+"}, proxyTimeout: 200, limits: {bodyTimeout: 200ms}, ssl: {selfSigned: true}}}")
			c := dialHTTP2(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			c.ask(1, stream(":path: /big", "accept: text/event-stream"), "")
			if got := c.answer(1); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestHTTP2PeersThatAreNotThere holds that a connection ends whose client does
// not answer a PING, even while a request is under way.
func TestHTTP2PeersThatAreNotThere(t *testing.T) {
	t.Parallel() // it waits for pingTimeout
	left := make(chan struct{})
	app := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(left)
	})
	addr := freePorts(t, 1)[0]
	start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app)+"}, limits: {bodyTimeout: 200ms}, ssl: {selfSigned: true}}}")
	c := dialHTTP2(t, addr)
	c.ask(1, stream(), "")
	for err := error(nil); err == nil; {
		_, err = c.fr.ReadFrame()
	}
	<-left
}

// TestClientsOfHTTP1ThatTakeNothing holds that the connection ends of a client
// that does not read its answer.
func TestClientsOfHTTP1ThatTakeNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel's TCP_USER_TIMEOUT does it, which this system does not have")
	}
	for name, ssl := range map[string]string{"plain": "", "TLS": ", ssl: {selfSigned: true}"} {
		t.Run(name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			r := start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted("static -> "+bigFile(t))+"}, limits: {bodyTimeout: 500ms}"+ssl+"}}")
			var conn net.Conn = connect(t, "127.0.0.1", addr)
			if ssl != "" {
				conn = tlsClient(conn)
			}
			io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: a.com\r\n\r\n")
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return r.srv.Status().Ports[0].Connections == 0 })
		})
	}
}

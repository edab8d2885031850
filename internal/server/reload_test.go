//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"nhooyr.io/websocket"
)

// site is a config with one port that answers everything with a status.
func site(addr, code string) string {
	return "ports: {" + quoted(addr) + ": {router: {'*': 'reject -> " + code + "'}}}"
}

func TestReloadKeepsListenersAndDropsNoRequest(t *testing.T) {
	addr := freePorts(t, 1)[0]
	s := start(t, site(addr, "404"))
	ln := s.srv.listeners[s.srv.current.ports[0].key].ln

	var wg sync.WaitGroup
	answered := make(chan int)
	stop := make(chan struct{})
	for range 4 {
		c := client(t, addr)
		wg.Go(func() {
			for {
				resp, err := c.Get("http://a.com/")
				if err != nil {
					t.Errorf("a request failed: %v", err)
					resp = &http.Response{Body: http.NoBody}
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				select {
				case answered <- resp.StatusCode:
				case <-stop:
					return
				}
			}
		})
	}
	for i := range 50 {
		if err := s.apply(site(addr, []string{"410", "404"}[i%2])); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			if status := <-answered; status != 404 && status != 410 {
				t.Errorf("status %d is neither config's", status)
			}
		}
	}
	close(stop)
	wg.Wait()
	wantStatus(t, client(t, addr), "http://a.com/", 404)
	if now := s.srv.listeners[s.srv.current.ports[0].key].ln; now != ln {
		t.Error("the listener was replaced")
	}
}

func TestPortThatCannotBeBoundChangesNothing(t *testing.T) {
	addrs := freePorts(t, 2)
	s := start(t, site(addrs[0], "404"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	err = s.apply("ports: {" + quoted(addrs[0]) + ": 'reject -> 410', " + quoted(addrs[1]) + ": 'reject -> 410', " +
		quoted(taken.Addr().String()) + ": 'reject -> 410'}")
	want := "cannot listen on " + taken.Addr().String() + ": listen tcp " + taken.Addr().String() +
		": bind: address already in use: another program uses this port; stop it or choose another one"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	wantStatus(t, client(t, addrs[0]), "http://a.com/", 404)
	if conn, err := net.Dial("tcp", addrs[1]); err == nil {
		conn.Close()
		t.Error("the new port that could be bound was left open")
	}
}

func TestPortsComeAndGo(t *testing.T) {
	addrs := freePorts(t, 2)
	s := start(t, site(addrs[0], "404"))
	if err := s.apply(site(addrs[1], "410")); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, client(t, addrs[1]), "http://a.com/", 410)
	s.srv.draining.Wait()
	if conn, err := net.Dial("tcp", addrs[0]); err == nil {
		conn.Close()
		t.Error("the port that left the config still accepts")
	}
}

func TestPortsComeBackAtOnce(t *testing.T) {
	addrs := freePorts(t, 2)
	s := start(t, site(addrs[0], "404"))
	for i := range 100 {
		if err := s.apply(site(addrs[(i+1)%2], "404")); err != nil {
			t.Fatal(err)
		}
	}
	wantStatus(t, client(t, addrs[0]), "http://a.com/", 404)
}

func TestReloadGivesAPortTLSAndTakesItAway(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	addr := freePorts(t, 1)[0]
	plain := site(addr, "404")
	secure := "ports: {" + quoted(addr) + ": {ssl: {selfSigned: true}, router: {'*': 'reject -> 410'}}}"
	s := start(t, plain)
	old := client(t, addr)
	wantStatus(t, old, "http://localhost/", 404)
	if err := s.apply(secure); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, client(t, addr), "https://localhost/", 410)
	// A kept connection from before: policy changed under it.
	wantStatus(t, old, "http://localhost/", http.StatusMisdirectedRequest)
	if err := s.apply(plain); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, client(t, addr), "http://localhost/", 404)
}

func TestFaultyConfigLeavesTheOldOne(t *testing.T) {
	addr := freePorts(t, 1)[0]
	s := start(t, site(addr, "404"))
	if err := s.apply(strings.Replace(site(addr, "410"), "router", "routr", 1)); err == nil {
		t.Error("the typo was accepted")
	}
	wantStatus(t, client(t, addr), "http://a.com/", 404)
}

func TestShutdownWaitsForRequestsAndEndsTunnels(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "whole")
	})
	echo := echoService(t)
	addr := freePorts(t, 1)[0]
	s := start(t, "ports: {"+quoted(addr)+": {router: {'/echo': 'websockify -> "+echo+"', '*': "+quoted(app)+"}}}")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()

	body := make(chan string, 1)
	go func() {
		_, text := get(t, client(t, addr), "http://a.com/slow")
		body <- text
	}()
	<-entered
	done := make(chan error, 1)
	go func() { done <- s.srv.Shutdown(ctx) }()

	// The tunnel ends at once, and says why.
	_, _, err = ws.Read(ctx)
	if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
		t.Errorf("the tunnel's client got %v, want close code 1001", err)
	}
	select {
	case <-done:
		t.Error("Shutdown did not wait for the request")
	default:
	}
	close(release)
	if got := <-body; got != "whole" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

//go:build linux

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// noticed is within what time http-master must notice that a peer has vanished:
// 60 s, and what a busy machine adds.
const noticed = 75 * time.Second

// serveNamespace runs http-master where n reaches it, and gives its address.
func serveNamespace(t *testing.T, n *namespace, rules string) (*process, string) {
	t.Helper()
	address := fmt.Sprintf("%s:%d", n.here, freePort(t))
	config := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, config, fmt.Sprintf("ports:\n  %q:\n    router:\n%s", address, rules))
	return startServer(t, config), address
}

// TestMovedClient changes the address of a machine on which ssh runs, and then
// cuts it off for a while: the session goes on.
func TestMovedClient(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	d := startSSHD(t)
	server, address := serveNamespace(t, n, fmt.Sprintf("      \"/t\": \"websockify -> %d\"\n", d.port))
	config := d.clientConfig(t, "HostName server.example", "ProxyCommand "+clientProgram+" ws://"+address+"/t -")
	s := startShell(t, config, n.exec(t)...)
	n.move(t)
	s.ask(t)
	if line := server.lineWith(t, "tunnel resumed"); !strings.Contains(line, n.second) {
		t.Errorf("it was resumed with %s, want the address %s", line, n.second)
	}
	n.vanish(t)
	defer time.AfterFunc(*darkness, func() { n.back(t) }).Stop()
	s.ask(t)
	s.leave(t)
}

// TestVanishedPeers: http-master closes what belongs to a client or an upstream
// that is gone. The cases wait at the same time, for most of a minute.
func TestVanishedPeers(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	all.Go(func() { t.Run("upstream of a download", testVanishedUpstream) })
	for _, v := range []vanishing{
		{"client of a download", "GET /file HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 ", false},
		{"client of an upgraded connection in use", upgradeTo("/up"), "HTTP/1.1 101 ", false},
		{"client of an idle tunnel", upgradeTo("/t"), "HTTP/1.1 101 ", true},
		{"client of a tunnel in use", upgradeTo("/t"), "HTTP/1.1 101 ", false},
		{"client of an idle session", upgradeTo("/t", "Sec-WebSocket-Protocol: v1.tunnel.http-master"), "HTTP/1.1 101 ", true},
		{"client of a session in use", upgradeTo("/t", "Sec-WebSocket-Protocol: v1.tunnel.http-master"), "HTTP/1.1 101 ", false},
	} {
		all.Go(func() { t.Run(v.name, v.test) })
	}
	all.Wait()
}

// upgradeTo is a request for a WebSocket.
func upgradeTo(path string, lines ...string) string {
	lines = append([]string{"GET " + path + " HTTP/1.1", "Host: a.example", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// testVanishedUpstream: the upstream sends a part of a body and is gone. The
// client's download ends, and does not look complete.
func testVanishedUpstream(t *testing.T) {
	n := newNamespace(t)
	upstream := n.listen(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 2<<20)
		io.CopyN(conn, payload(), 1<<20)
		io.Copy(io.Discard, conn)
	})
	server, address := serveNamespace(t, n, fmt.Sprintf("      \"*\": \"http://%s\"\n", upstream))
	before := sockets(t, server)
	response, err := http.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 512<<10); err != nil {
		t.Fatal(err)
	}
	n.vanish(t)
	gone := time.Now()
	if n, err := io.Copy(io.Discard, response.Body); !errors.Is(err, io.ErrUnexpectedEOF) || n > 512<<10 {
		t.Errorf("the download ended after %d more bytes, error %v", n, err)
	}
	wantNoticed(t, server, gone, before)
}

// vanishing is a client that asks for something and is gone.
type vanishing struct {
	name, request, answer string
	silent                bool // the other end sends nothing
}

func (v vanishing) test(t *testing.T) {
	n := newNamespace(t)
	ended := make(chan struct{})
	target := listenTCP(t, func(conn net.Conn) {
		defer close(ended)
		v.talk(conn)
	})
	upstream := listenTCP(t, func(conn net.Conn) {
		defer close(ended)
		http.ReadRequest(bufio.NewReader(conn))
		io.WriteString(conn, v.answer+"As Asked\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n")
		v.talk(conn)
	})
	server, address := serveNamespace(t, n, fmt.Sprintf(
		"      \"/t\": {$: websockify, target: %d, resume: 1s}\n      \"/*\": %d\n", target, upstream))
	before := sockets(t, server)
	client := n.dial(t, address)
	io.WriteString(client, v.request)
	got := make([]byte, len(v.answer))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != v.answer {
		t.Fatalf("answered %q, error %v", got, err)
	}
	if !v.silent { // it takes as much as comes, for a moment
		if _, err := io.CopyN(io.Discard, client, 512<<10); err != nil {
			t.Fatal(err)
		}
	}
	n.vanish(t)
	gone := time.Now()
	select {
	case <-ended:
	case <-time.After(2 * noticed):
		t.Error("the target's connection is still open")
	}
	wantNoticed(t, server, gone, before)
}

// talk is what the other end does: it sends, or waits for the end.
func (v vanishing) talk(conn net.Conn) {
	if v.silent {
		io.Copy(io.Discard, conn)
		return
	}
	io.Copy(conn, payload())
}

// wantNoticed waits until a server has not more sockets open than before,
// and checks that this is not too long after a peer was gone.
func wantNoticed(t *testing.T, p *process, gone time.Time, before int) {
	t.Helper()
	eventually(t, "all is closed", func() error {
		if n := sockets(t, p); n > before {
			return fmt.Errorf("%d sockets are open, %d were before", n, before)
		}
		return nil
	})
	after := time.Since(gone).Round(time.Second)
	t.Logf("closed after %v", after)
	if after > noticed {
		t.Errorf("noticed after %v, want it within %v", after, noticed)
	}
}

// sockets counts those that a process has open. Of its pipes, some are kept for
// the next use.
func sockets(t *testing.T, p *process) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	open, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range open {
		if what, err := os.Readlink(filepath.Join(dir, file.Name())); err == nil && strings.HasPrefix(what, "socket:") {
			n++
		}
	}
	return n
}

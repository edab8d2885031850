//go:build unix

//lint:file-ignore SA1019 nhooyr.io/websocket is the given library; its successor has the same code

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"nhooyr.io/websocket"
)

// tally is one kind of traffic: a round of it, and how many there were.
type tally struct {
	round func(ctx context.Context, n int) error
	pause time.Duration // between rounds

	done, failed atomic.Int64
	first        error // the first failure; readable while it is not busy
}

// round adds a kind of traffic.
func (s *soaked) round(name string, f func(ctx context.Context, n int) error) *tally {
	n := &tally{round: f, pause: 5 * time.Millisecond}
	s.rounds[name] = n
	return n
}

// repeat does rounds until ctx ends. The one under way is finished.
func (n *tally) repeat(ctx context.Context) {
	for ctx.Err() == nil {
		round, cancel := context.WithTimeout(context.Background(), patience)
		err := n.round(round, int(n.done.Load()+n.failed.Load()))
		cancel()
		if err == nil {
			n.done.Add(1)
		} else if n.failed.Add(1) == 1 {
			n.first = err
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.pause):
		}
	}
}

// soakBackends are the ports of what the server leads to.
type soakBackends struct{ app, dying, echo int }

func startSoakBackends(t *testing.T) soakBackends {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a page") })
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, payload(), soakBody) })
	mux.HandleFunc("/events", soakEvents)
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		echo(websocket.NetConn(r.Context(), ws, websocket.MessageBinary))
	})
	return soakBackends{app: serveHTTP(t, mux), dying: listenTCP(t, dying()), echo: listenTCP(t, echo)}
}

const soakBody = 1 << 20 // bytes of an upload or a download

// soakEvents sends events until the client has had enough.
func soakEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		io.WriteString(w, "data: something\n\n")
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// dying is a backend that breaks, each time at another place.
func dying() func(net.Conn) {
	var turn atomic.Int64
	return func(conn net.Conn) {
		n := turn.Add(1)
		if n%5 == 0 {
			return
		}
		http.ReadRequest(bufio.NewReader(conn))
		switch n % 5 {
		case 1:
			conn.(*net.TCPConn).SetLinger(0) // a reset
		case 2:
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nless")
		case 3:
			io.WriteString(conn, "this is not HTTP\r\n\r\n")
		case 4:
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe")
		}
	}
}

// traffic says what the server is to be busy with.
func (s *soaked) traffic(t *testing.T) {
	plain, secure := fmt.Sprintf("http://127.0.0.1:%d", s.plain), "https://a.example"
	locate := func(string) string { return fmt.Sprintf("127.0.0.1:%d", s.secure) }
	config := &tls.Config{RootCAs: testCA().pool(), InsecureSkipVerify: true}
	h1, h2 := newHTTPClient(t, nil, func(address string) string { return address }), newHTTPClient(t, config, locate)
	resuming := newHTTPClient(t, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}, locate)
	resuming.Transport.(*http.Transport).DisableKeepAlives = true

	s.round("GET, HTTP/1.1", func(context.Context, int) error { return wants(h1, plain+"/", "a page") })
	s.round("GET, HTTP/2", func(context.Context, int) error { return wants(h2, secure+"/", "a page") })
	s.round("GET, new TLS connection", func(context.Context, int) error { return wants(resuming, secure+"/", "a page") })
	for name, c := range map[string]struct {
		client *http.Client
		url    string
	}{"HTTP/1.1": {h1, plain}, "HTTP/2": {h2, secure}} {
		s.round("upload, "+name, func(context.Context, int) error { return soakUpload(c.client, c.url+"/upload") })
		s.round("download, "+name, func(context.Context, int) error { return soakDownload(c.client, c.url+"/download", soakBody) })
		s.round("download cut, "+name, func(context.Context, int) error { return soakDownload(c.client, c.url+"/download", 1000) })
		s.round("events, "+name, func(context.Context, int) error { return soakDownload(c.client, c.url+"/events", 200) })
	}
	s.round("WebSocket to the app", func(ctx context.Context, _ int) error { return soakWebSocket(ctx, "ws"+plain[4:]+"/ws") })
	s.round("tunnel, not resumed", func(ctx context.Context, _ int) error { return soakWebSocket(ctx, "ws"+plain[4:]+"/echo") })
	s.round("request cut", func(context.Context, int) error { return soakCut(plain[len("http://"):]) })
	s.round("dying backend", func(context.Context, int) error {
		if wants(h1, plain+"/bad", "never") == nil {
			return errors.New("it has answered")
		}
		return nil
	})
	cutter := startCutter(t, plain[len("http://"):])
	_, local := startClient(t, nil, "ws://"+cutter.address()+"/echo")
	s.round("tunnel, resumed", func(context.Context, int) error { return soakTunnel(local, cutter) })
}

func wants(client *http.Client, url, want string) error {
	response, body, err := tryGet(client, url)
	if err == nil && body != want {
		err = fmt.Errorf("%s: %.50q", response.Status, body)
	}
	return err
}

func soakUpload(client *http.Client, url string) error {
	response, err := client.Post(url, "application/octet-stream", io.LimitReader(payload(), soakBody))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != strconv.Itoa(soakBody) {
		return fmt.Errorf("%s: %.50q, %w", response.Status, body, err)
	}
	return nil
}

// soakDownload reads length bytes and then leaves.
func soakDownload(client *http.Client, url string, length int64) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.CopyN(io.Discard, response.Body, length)
	return err
}

func soakWebSocket(ctx context.Context, url string) error {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	return sayTo(websocket.NetConn(ctx, ws, websocket.MessageBinary))
}

// soakTunnel goes through dewebsockify, whose WebSocket is cut on the way.
func soakTunnel(address string, c *cutter) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if err := sayTo(conn); err != nil {
		return err
	}
	c.cut(false)
	return sayTo(conn)
}

// sayTo sends 64 KiB to an echo.
func sayTo(conn net.Conn) error {
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	go conn.Write(sent)
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, sent) {
		return errors.New("something else came back")
	}
	return nil
}

// soakCut sends part of a request, and resets.
func soakCut(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	io.WriteString(conn, "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nsome")
	conn.(*net.TCPConn).SetLinger(0)
	return conn.Close()
}

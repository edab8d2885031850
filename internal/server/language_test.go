package server

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sentence is one thing that the config language says: with this config a
// request gets that answer.
type sentence struct {
	name string
	// config has HERE for the address of the port that is asked, APP for that of
	// the app, and what else the world replaces.
	config string
	// ask is METHOD, host and path; lines below are header fields. The method WS
	// asks for a WebSocket.
	ask string
	// want are texts that the answer has in it: its status, its header fields
	// and its body. One that begins with "!" must not be there.
	want []string
}

// world is what configs of sentences lead to.
type world struct {
	dir      string
	replacer *strings.Replacer
}

// newWorld starts an app that tells what it was asked, over TCP (APP, and
// APPPORT for its port), TLS with a certificate nobody knows (TLS), HTTP/2
// without it (H2C) and a socket in the folder (DIR/app.sock); and a TCP service
// that sends back what it gets (ECHO, ECHOPORT). Nothing listens on port
// CLOSED.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "hm") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	app := backend(t, tell)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(tell))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	socket := listenOn(t, "unix", filepath.Join(dir, "app.sock"))
	clear := listenOn(t, "tcp", "127.0.0.1:0")
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	serveOn(t, socket, &http.Server{Handler: http.HandlerFunc(tell)})
	serveOn(t, clear, &http.Server{Handler: http.HandlerFunc(tell), Protocols: protocols})
	echo := echoService(t)
	return &world{dir, strings.NewReplacer(
		"APPPORT", portOf(app), "APP", app, "TLS", secure.Listener.Addr().String(), "H2C", clear.Addr().String(),
		"ECHOPORT", portOf(echo), "ECHO", echo, "CLOSED", portOf(freePorts(t, 1)[0]), "DIR", dir,
	)}
}

func listenOn(t *testing.T, network, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serveOn serves until the test ends.
func serveOn(t *testing.T, ln net.Listener, srv *http.Server) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-ended
	})
}

// tell answers with what was asked. /slow never answers, /long has a text worth
// compressing, and a WebSocket gets its handshake, with what was asked as header
// fields.
func tell(w http.ResponseWriter, r *http.Request) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
	r.Header.Write(&text)
	switch {
	case r.Header.Get("Upgrade") != "":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		accept := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		saw := strings.Join(strings.Fields(text.String()), " ")
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSaw: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(accept[:]), saw)
		io.Copy(io.Discard, conn)
	case strings.HasPrefix(r.URL.Path, "/slow"):
		io.Copy(io.Discard, r.Body) // the context does not end before
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/long"):
		io.WriteString(w, strings.Repeat("a long text ", 1000))
	default:
		w.Header().Set("Content-Type", "text/plain")
		w.Write(text.Bytes())
	}
}

// holds starts the config of each sentence and asks.
func (w *world) holds(t *testing.T, sentences []sentence) {
	t.Helper()
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			start(t, w.replacer.Replace(strings.ReplaceAll(s.config, "HERE", addr)))
			wantAnswer(t, answerOf(t, addr, w.replacer.Replace(s.ask)), s.want)
		})
	}
}

// answerOf asks a port as [sentence] says and gives the answer as text.
func answerOf(t *testing.T, addr, question string) string {
	t.Helper()
	lines := strings.Split(question, "\n")
	words := strings.Fields(lines[0])
	if words[0] == "WS" {
		words[0] = "GET"
		lines = append(lines, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n", words[0], words[2], words[1])
	for _, field := range lines[1:] {
		fmt.Fprintf(conn, "%s\r\n", field)
	}
	io.WriteString(conn, "\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: words[0]})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	fmt.Fprintln(&text, response.Status)
	response.Header.Write(&text)
	fmt.Fprintln(&text)
	if _, err := io.Copy(&text, response.Body); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n")
}

func wantAnswer(t *testing.T, answer string, want []string) {
	t.Helper()
	for _, text := range want {
		text, no := strings.CutPrefix(text, "!")
		switch found := strings.Contains(answer, text); {
		case found && no:
			t.Errorf("the answer has %q, and must not:\n%s", text, answer)
		case !found && !no:
			t.Errorf("the answer has no %q:\n%s", text, answer)
		}
	}
}

// rule is a config with one rule.
func rule(pattern, target string) string {
	return fmt.Sprintf("ports: {\"HERE\": {router: {%q: %s}}}", pattern, target)
}

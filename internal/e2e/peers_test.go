//go:build unix

package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// The programs of others that speak WebSocket: servers for dewebsockify and
// clients for http-master. Browsers are in browser_test.go and novnc_test.go.

// peerSize is how much goes through a tunnel, each way.
const peerSize = 10 << 20

func peerPayload(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, peerSize)
	if _, err := io.ReadFull(payload(), b); err != nil {
		t.Fatal(err)
	}
	return b
}

// echoOnce sends back peerSize bytes and closes.
func echoOnce(conn net.Conn) { io.CopyN(conn, conn, peerSize) }

// exchange sends the payload to an echo that closes behind it, and checks that
// the same comes back, and then the end.
func exchange(t *testing.T, conn io.ReadWriter) {
	t.Helper()
	sent := peerPayload(t)
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(sent)
		written <- err
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("sent %d bytes, got %d back, the same: %v, error %v", len(sent), len(got), bytes.Equal(got, sent), err)
	}
	if err := <-written; err != nil {
		t.Errorf("sending: %v", err)
	}
}

// TestWebsockifyServer runs dewebsockify against Debian's websockify.
func TestWebsockifyServer(t *testing.T) {
	t.Parallel()
	websockify := need(t, "websockify", "websockify")
	dir := t.TempDir()
	testCA().writeLeaf(t, dir, "server", "localhost")
	chain := filepath.Join(dir, "chain.pem")
	writeFile(t, chain, readFile(t, filepath.Join(dir, "server.crt"))+pemText("CERTIFICATE", testCA().intermediate.Raw))
	target := fmt.Sprintf("127.0.0.1:%d", listenTCP(t, echoOnce))

	for _, test := range []struct {
		name, url     string
		server, flags []string
	}{
		{"plain", "ws://127.0.0.1:%d/", nil, nil},
		{"TLS", "wss://localhost:%d/websockify",
			[]string{"--ssl-only", "--cert", chain, "--key", filepath.Join(dir, "server.key")},
			[]string{"--ca", testCA().rootFile(t)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			server := start(t, nil, websockify, append(test.server, fmt.Sprintf("127.0.0.1:%d", port), target)...)
			server.waitFor(t, 0, "proxying from")
			_, address := startClient(t, nil, append(test.flags, fmt.Sprintf(test.url, port))...)
			exchange(t, dial(t, address))
		})
	}
}

// websockifyClient is Debian's websockify as a client: its class, which no
// program of the package offers. It cannot send and receive at the same time,
// and version 0.10 adds numbers to bytes when it makes a mask, so it gets a
// source of randomness that gives bytes.
const websockifyClient = `
import random, sys
from websockify import websocket
class Random:
    randrange = staticmethod(lambda n: bytes([random.randrange(n)]))
def receive():
    while True:
        try:
            return ws.recv()
        except websocket.WebSocketWantReadError: # a frame's end has not come yet
            pass
payload = sys.stdin.buffer.read()
ws = websocket.WebSocket()
ws.connect(sys.argv[1], protocols=["binary"])
websocket.random = Random
sent = got = 0
while sent < len(payload):
    ws.send(payload[sent:sent + 50000])
    sent = min(sent + 50000, len(payload))
    while got < sent:
        message = receive()
        sys.stdout.buffer.write(message)
        got += len(message)
while receive() is not None:
    pass
print(ws.protocol, "closed", ws.close_code, ws.close_reason, file=sys.stderr)
`

// strictClient sends one message in many parts, and fails the connection for
// whatever it finds wrong with a frame.
const strictClient = `
import asyncio, ssl, sys, websockets
async def main(port, root):
    payload = sys.stdin.buffer.read()
    trust = ssl.create_default_context(cafile=root)
    async with websockets.connect("wss://myserver.com/services/ssh", host="127.0.0.1", port=int(port), ssl=trust,
                                  server_hostname="myserver.com", subprotocols=["binary"], max_size=None) as ws:
        sending = asyncio.create_task(ws.send(parts(payload)))
        async for message in ws:
            sys.stdout.buffer.write(message)
        await sending
        print(ws.subprotocol, "closed", ws.close_code, ws.close_reason, file=sys.stderr)
async def parts(payload):
    for i in range(0, len(payload), 100000):
        yield payload[i:i + 100000]
asyncio.run(main(*sys.argv[1:]))
`

// TestPlainClients brings clients that know nothing of http-master to it.
func TestPlainClients(t *testing.T) {
	t.Parallel()
	target := listenTCP(t, echoOnce)
	const said = "binary closed 1000 the connection was closed\n"

	t.Run("Debian's websockify", func(t *testing.T) {
		t.Parallel()
		need(t, "websockify", "websockify")
		python := need(t, "python3", "/usr/bin/python3")
		port := freePort(t)
		config := filepath.Join(t.TempDir(), "config.yaml")
		writeFile(t, config, fmt.Sprintf("ports:\n  %d: \"websockify -> %d\"\n", port, target))
		startServer(t, config)
		got := run(t, nil, bytes.NewReader(peerPayload(t)), python, "-c", websockifyClient, fmt.Sprintf("ws://127.0.0.1:%d/", port))
		wantEcho(t, got, said)
	})

	s := startSite(t, setup{ssh: target})
	t.Run("Python's websockets", func(t *testing.T) {
		t.Parallel()
		python := need(t, "python3-websockets", "/usr/bin/python3")
		if run(t, nil, nil, python, "-c", "import websockets").code != 0 {
			need(t, "python3-websockets", "the Python package websockets")
		}
		got := run(t, nil, bytes.NewReader(peerPayload(t)), python, "-c", strictClient, fmt.Sprint(s.tls), s.trustedRoot)
		wantEcho(t, got, said)
	})
	t.Run("golang.org/x/net", func(t *testing.T) {
		t.Parallel()
		config, err := websocket.NewConfig("wss://myserver.com/services/ssh", "https://myserver.com")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := tls.Dial("tcp", s.address(s.tls), &tls.Config{ServerName: "myserver.com", RootCAs: testCA().pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * patience))
		ws, err := websocket.NewClient(config, conn)
		if err != nil {
			t.Fatal(err)
		}
		ws.PayloadType = websocket.BinaryFrame
		exchange(t, ws)
	})
}

// wantEcho checks what a program says that has sent peerPayload to echoOnce.
func wantEcho(t *testing.T, got result, said string) {
	t.Helper()
	sent := string(peerPayload(t))
	if got.code != 0 || got.stdout != sent || !strings.HasSuffix(got.stderr, said) {
		t.Errorf("exit code %d, %d bytes came back, the same: %v, it says %q; want 0, %d bytes and %q",
			got.code, len(got.stdout), got.stdout == sent, got.stderr, len(sent), said)
	}
}

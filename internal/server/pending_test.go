package server

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// TestShutdownWithPendingConnections holds that connections which no request has
// come on yet do not keep a server from stopping. What they leave behind,
// TestMain would find.
func TestShutdownWithPendingConnections(t *testing.T) {
	const forEver = "limits: {sniffTimeout: 1h, handshakeTimeout: 1h, headTimeout: 1h}"
	tests := []struct{ name, keys, send string }{
		{"half a head", "", "GET / HTTP/1.1\r\n"}, // which net/http gives five seconds
		{"no handshake", ", ssl: {selfSigned: true}", ""},
		{"half a handshake", ", ssl: {selfSigned: true}", "\x16\x03\x01\x02\x00\x01"},
		{"half a greeting of SSH", ", ssh: 22", "SSH-2"},
		{"an SSH session", ", ssh: SERVER", "SSH-2.0-client\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := tt.keys
			if keys == ", ssh: SERVER" {
				keys = ", ssh: " + quoted(greeter(t))
			}
			addr := freePorts(t, 1)[0]
			r := start(t, "ports: {"+quoted(addr)+": {router: {'*': 'reject -> 404'}, "+forEver+keys+"}}")
			conn := connect(t, "127.0.0.1", addr)
			io.WriteString(conn, tt.send)
			eventually(t, func() bool { return r.srv.Status().Ports[0].Connections == 1 })
			if tt.name == "an SSH session" {
				eventually(t, func() bool { return len(r.srv.Tunnels().Live()) == 1 })
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := r.srv.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
				t.Error("the connection stays open")
			}
		})
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

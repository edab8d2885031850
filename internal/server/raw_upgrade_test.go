package server

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestRawUpgrades(t *testing.T) {
	upgrade := func(version, connection, to string) string {
		return "GET /g HTTP/" + version + "\r\nHost: a.com\r\nConnection: " + connection + "\r\n" + to + "\r\n"
	}
	runRaw(t, []rawCase{
		{"h2c is ignored", upgrade("1.1", "Upgrade, HTTP2-Settings", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), "200", true, "GET /g a.com"},
		{"HTTP/2.0 is ignored", upgrade("1.1", "Upgrade", "Upgrade: HTTP/2.0\r\n"), "200", true, "GET /g a.com"},
		{"without Connection it is none", upgrade("1.1", "keep-alive", "Upgrade: websocket\r\n"), "200", true, "GET /g a.com"},
		{"in HTTP/1.0 it is none", upgrade("1.0", "Upgrade", "Upgrade: websocket\r\n"), "200", false, "GET /g a.com"},
		{"a backend that does not want to", upgrade("1.1", "Upgrade", "Upgrade: websocket\r\n"), "200", false, "GET /g a.com"},

		{"h2c or websocket", upgrade("1.1", "Upgrade", "Upgrade: h2c, websocket\r\n"), "400", false, ""},
		{"websocket or h2c", upgrade("1.1", "Upgrade", "Upgrade: websocket, h2c\r\n"), "400", false, ""},
		{"on two lines", upgrade("1.1", "Upgrade", "Upgrade: websocket\r\nUpgrade: h2c\r\n"), "400", false, ""},
		{"another protocol", upgrade("1.1", "Upgrade", "Upgrade: tcp\r\n"), "400", false, ""},
		{"websocket with a version", upgrade("1.1", "Upgrade", "Upgrade: websocket/13\r\n"), "400", false, ""},
	})
}

// TestBytesBehindAnUpgrade holds that what a client sends in one piece with its
// request, or while it waits for the answer, reaches the upstream.
func TestBytesBehindAnUpgrade(t *testing.T) {
	for _, ssl := range []string{"", ", ssl: {selfSigned: true}"} {
		for _, early := range []string{"", "e", "\r\n", "\r\nGET / HTTP/1.1\r\n", "early bytes"} {
			t.Run(fmt.Sprintf("%q%s", early, ssl), func(t *testing.T) {
				addr := freePorts(t, 1)[0]
				start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(switchingBackend(t))+"}"+ssl+"}}")
				conn := connect(t, "127.0.0.1", addr)
				if ssl != "" {
					conn = tlsClient(conn)
				}
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+early)
				in := bufio.NewReader(conn)
				if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 101 {
					t.Fatal(resp, err)
				}
				io.WriteString(conn, "late")
				got := make([]byte, len(early+"late"))
				if _, err := io.ReadFull(in, got); err != nil || string(got) != early+"late" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
	}
}

// switchingBackend takes every upgrade to WebSocket and echoes bytes then. It
// takes its time to answer.
func switchingBackend(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		in := bufio.NewReader(conn)
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // the server looks meanwhile whether its client is there
		sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
		io.Copy(conn, in)
	}()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return ln.Addr().String()
}

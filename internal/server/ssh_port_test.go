package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// greeter is an SSH server as far as the first line goes: it greets, tells what
// it was greeted with, and echoes until the client has sent everything, to which
// it says goodbye.
func greeter(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "SSH-2.0-server\r\n")
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
				io.WriteString(conn, "bye")
			}()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return ln.Addr().String()
}

// sshPort serves "web" by HTTP or TLS, and SSH on the same port.
func sshPort(t *testing.T, keys string) (*running, string) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "web") })
	addr := freePorts(t, 1)[0]
	return start(t, "ports: {"+quoted(addr)+": {router: {'*': "+quoted(app)+"}, ssh: "+quoted(greeter(t))+keys+"}}"), addr
}

func TestSSHOnTheSamePort(t *testing.T) {
	tests := []struct {
		name  string
		parts []string // sent one after the other, with pauses
		want  string
	}{
		{"a greeting", []string{"SSH-2.0-client\r\nhello"}, "SSH-2.0-server\r\nSSH-2.0-client\r\nhellobye"},
		{"a greeting in pieces", []string{"S", "SH-", "2.0-", "client\r\n"}, "SSH-2.0-server\r\nSSH-2.0-client\r\nbye"},
		{"nothing but the end", nil, ""},
		{"a method like it", []string{"SSH /x HTTP/1.0\r\n\r\n"}, "HTTP/1.0 200 OK"},
		{"a request", []string{"GET /x HTTP/1.0\r\n\r\n"}, "HTTP/1.0 200 OK"},
		{"no request at all", []string{"X\r\n"}, "HTTP/1.1 400 Bad Request"},
	}
	_, addr := sshPort(t, "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := connect(t, "127.0.0.1", addr)
			for i, part := range tt.parts {
				if i > 0 {
					time.Sleep(20 * time.Millisecond) // so that they do not arrive as one
				}
				io.WriteString(conn, part)
			}
			if !strings.Contains(tt.want, "HTTP") {
				conn.(*net.TCPConn).CloseWrite()
			}
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestSilenceIsSSH holds that a client that waits for a greeting gets one.
func TestSilenceIsSSH(t *testing.T) {
	_, addr := sshPort(t, ", ssl: {selfSigned: true}")
	conn := connect(t, "127.0.0.1", addr)
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); line != "SSH-2.0-server\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	fmt.Fprintln(conn, "SSH-2.0-client")
	if line, err := in.ReadString('\n'); line != "SSH-2.0-client\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestSSHBesideTLS(t *testing.T) {
	r, addr := sshPort(t, ", ssl: {selfSigned: true}")
	if _, body := get(t, client(t, addr), "https://a.com/"); body != "web" {
		t.Errorf("over TLS: %q", body)
	}
	conn := connect(t, "127.0.0.1", addr)
	io.WriteString(conn, "SSH-2.0-client\r\n")
	in := bufio.NewReader(conn)
	for _, want := range []string{"SSH-2.0-server\r\n", "SSH-2.0-client\r\n"} {
		if line, err := in.ReadString('\n'); line != want {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	live := r.srv.Tunnels().Live()
	if len(live) != 1 || live[0].Rule != "ssh" || live[0].Client != conn.LocalAddr().String() {
		t.Errorf("live tunnels: %v", live)
	}
	if err := r.apply("ports: {" + quoted(addr) + ": {router: {'*': 'reject -> 404'}}}"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "still there\n")
	if line, err := in.ReadString('\n'); line != "still there\n" {
		t.Errorf("after a reload that has no ssh: %q, %v", line, err)
	}
	live[0].Close("enough")
	if _, err := in.ReadString('\n'); err == nil {
		t.Error("it goes on after it was closed")
	}
	eventually(t, func() bool { return strings.Contains(r.log.String(), `msg="tunnel closed" rule=ssh`) })
	if log := r.log.String(); !strings.Contains(log, `msg="tunnel open" rule=ssh`) || !strings.Contains(log, " in=28 out=44 ") {
		t.Errorf("the log does not tell of it with its bytes")
	}
}

func TestSSHTargetThatIsDown(t *testing.T) {
	addrs := freePorts(t, 2)
	r := start(t, "ports: {"+quoted(addrs[0])+": {router: {'*': 'reject -> 404'}, ssh: "+quoted(addrs[1])+"}}")
	conn := connect(t, "127.0.0.1", addrs[0])
	io.WriteString(conn, "SSH-2.0-client\r\n")
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	eventually(t, func() bool { return strings.Contains(r.log.String(), `msg="tunnel refused" rule=ssh`) })
}

func TestSSHTargetsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"'http://a.com:22'": `config.yaml:1:52: ssh "http://a.com:22": a TCP connection has no scheme, write host:port`,
		"a.com":             `config.yaml:1:51: ssh "a.com": the port is missing, write host:port`,
		"'[host]:22'":       `config.yaml:1:52: ssh "[host]:22": there is no request to take a part of the address from`,
	} {
		r := start(t, "ports: {"+quoted(freePorts(t, 1)[0])+": 80}")
		if err := r.apply("ports: {81: {router: {'*': 'reject -> 404'}, ssh: " + text + "}}"); err == nil || err.Error() != want {
			t.Errorf("ssh: %s: %v\nwant %s", text, err, want)
		}
	}
}

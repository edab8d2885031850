package proxy

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestForwardedFields(t *testing.T) {
	const forged = "X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 7.7.7.7, 8.8.8.8\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.test\nX-Forwarded-Port: 8443\n" +
		"X-Forwarded-Prefix: /p\nX-Forwarded-Uri: /u\nX-Forwarded-Server: s\nX-Forwarded-Ssl: on\nForwarded: for=6.6.6.6\nX-Real-IP: 6.6.6.6\n"
	tests := []struct {
		name      string
		trusted   bool
		behindTLS bool
		host      string
		send      string
		want      map[string]string // joined by "|"; every other field of the kind must be absent
	}{
		{
			name: "nothing sent", host: "a.test",
			want: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.test", "X-Forwarded-Port": "80"},
		},
		{
			name: "the port is the client's", host: "a.test:8080",
			want: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.test:8080", "X-Forwarded-Port": "8080"},
		},
		{
			name: "forged", host: "a.test", send: forged,
			want: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.test", "X-Forwarded-Port": "80"},
		},
		{
			name: "from a trusted proxy", trusted: true, host: "a.test", send: forged,
			want: map[string]string{
				"X-Forwarded-For": "6.6.6.6, 7.7.7.7, 8.8.8.8, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test", "X-Forwarded-Port": "8443",
				"X-Forwarded-Prefix": "/p", "X-Forwarded-Uri": "/u", "X-Forwarded-Server": "s", "X-Forwarded-Ssl": "on", "Forwarded": "for=6.6.6.6", "X-Real-Ip": "6.6.6.6",
			},
		},
		{
			name: "trusted, says little", trusted: true, behindTLS: true, host: "a.test", send: "X-Forwarded-Proto: https\n",
			want: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.test", "X-Forwarded-Port": "443"},
		},
		{
			name: "trusted, and its client names them in Connection", trusted: true, host: "a.test",
			send: "X-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https\nConnection: x-forwarded-for, x-forwarded-proto\n",
			want: map[string]string{"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.test", "X-Forwarded-Port": "80"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			heads := make(chan string, 1)
			backend := rawServer(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads))
			_, h := newProxy(t, "*", backend)
			s := (&front{handler: h, trusted: tt.trusted, behindTLS: tt.behindTLS}).start(t)
			conn, _ := dialRaw(t, s.URL)
			io.WriteString(conn, crlf("GET / HTTP/1.1\nHost: "+tt.host+"\n"+tt.send+"\n"))
			got := make(map[string]string)
			for line := range strings.Lines(mustReceive(t, heads)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				if isOrigin(name) {
					if old, ok := got[name]; ok {
						value = old + "|" + value
					}
					got[name] = value
				}
			}
			for name := range tt.want {
				if got[name] != tt.want[name] {
					t.Errorf("%s is %q, want %q", name, got[name], tt.want[name])
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("should not be there: %v", got)
			}
		})
	}
}

// What a chain sets between CleanRequest and Proxy is nobody's forgery, and
// the client's Connection field has no power over it.
func TestFieldsOfTheChainStay(t *testing.T) {
	heads := make(chan string, 1)
	backend := rawServer(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads))
	_, h := newProxy(t, "*", backend)
	s := (&front{handler: chainSets{h, map[string]string{"X-User": "eve", "X-Real-Ip": "1.2.3.4", "X-Forwarded-Prefix": "/app"}}}).start(t)
	conn, _ := dialRaw(t, s.URL)
	io.WriteString(conn, crlf("GET / HTTP/1.1\nHost: a.test\nConnection: X-User, X-Real-IP\nX-User: root\nX-Forwarded-Prefix: /evil\n\n"))
	want := crlf("GET / HTTP/1.1\nHost: a.test\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: a.test\nX-Forwarded-Port: 80\nX-Forwarded-Prefix: /app\nX-Forwarded-Proto: http\nX-Real-Ip: 1.2.3.4\nX-User: eve\n\n")
	if got := mustReceive(t, heads); got != want {
		t.Errorf("upstream got\n%s\nwant\n%s", got, want)
	}
}

// A client behind a Unix socket has no address: none is claimed.
func TestForwardedForBehindUnixSocket(t *testing.T) {
	heads := make(chan string, 1)
	backend := rawServer(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads))
	_, h := newProxy(t, "*", backend)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: &front{handler: h}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, crlf("GET / HTTP/1.1\nHost: a.test\nX-Forwarded-For: 6.6.6.6\n\n"))
	want := crlf("GET / HTTP/1.1\nHost: a.test\nX-Forwarded-Host: a.test\nX-Forwarded-Port: 80\nX-Forwarded-Proto: http\n\n")
	if got := mustReceive(t, heads); got != want {
		t.Errorf("upstream got\n%s\nwant\n%s", got, want)
	}
}

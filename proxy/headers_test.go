package proxy

import (
	"io"
	"strings"
	"testing"
)

// The head that an upstream gets, byte for byte.
func TestRequestHead(t *testing.T) {
	const origin = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: a.test\nX-Forwarded-Port: 80\nX-Forwarded-Proto: http\n"
	tests := []struct {
		name    string
		pattern string // "*" when empty
		path    string // of the target
		keepOdd bool
		send    string // without the empty line; {origin} is the const
		want    string
	}{
		{
			name: "nothing invented",
			send: "GET / HTTP/1.1\nHost: a.test\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "host and user agent as sent",
			send: "GET / HTTP/1.1\nHost: A.Test:8080\nUser-Agent: x/1 (y)\nAccept-Encoding: br\n",
			want: "GET / HTTP/1.1\nHost: A.Test:8080\nUser-Agent: x/1 (y)\nAccept-Encoding: br\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: A.Test:8080\nX-Forwarded-Port: 8080\nX-Forwarded-Proto: http\n",
		},
		{
			name: "path and query to the byte",
			send: "GET /a%20b;c=1/%C5%BA'(x)!$*,@:~?q=%41|\"<>^`{}&&=/? HTTP/1.1\nHost: a.test\n",
			want: "GET /a%20b;c=1/%C5%BA'(x)!$*,@:~?q=%41|\"<>^`{}&&=/? HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "empty query",
			send: "GET /x? HTTP/1.1\nHost: a.test\n",
			want: "GET /x? HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "path that was not canonical",
			send: "GET //a/./b/../%61 HTTP/1.1\nHost: a.test\n",
			want: "GET /a/a HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "absolute form",
			send: "GET http://a.test/x?y HTTP/1.1\nHost: other.test\n",
			want: "GET /x?y HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "path in the target, captures and query", pattern: "*.test", path: "/[1]/[path]",
			send: "GET /t/u?q=1 HTTP/1.1\nHost: a.test\n",
			want: "GET /a/t/u?q=1 HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "target path that begins with two slashes", path: "//evil.test/[path]",
			send: "GET /x HTTP/1.1\nHost: a.test\n",
			want: "GET /evil.test/x HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "HTTP/1.0 without a host",
			send: "GET / HTTP/1.0\nConnection: close\n",
			want: "GET / HTTP/1.1\nHost: {backend}\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Port: 80\nX-Forwarded-Proto: http\n",
		},
		{
			name: "hop by hop",
			send: "GET / HTTP/1.1\nHost: a.test\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\nProxy-Authorization: Basic eA==\nProxy: evil\nTE: gzip\nTrailer: X-T\nUpgrade: websocket\nCookie: a=b\n",
			want: "GET / HTTP/1.1\nHost: a.test\nCookie: a=b\n{origin}",
		},
		{
			name: "named by Connection, in any case",
			send: "GET / HTTP/1.1\nHost: a.test\nConnection: keep-alive, x-ONE\nConnection: ,X-Two ,\nX-One: 1\nX-TWO: 2\nX-Three: 3\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}X-Three: 3\n",
		},
		{
			name: "ours cannot be taken out by Connection",
			send: "GET / HTTP/1.1\nHost: a.test\nConnection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Port, Host, Authorization\nAuthorization: Basic eA==\nX-Forwarded-For: 6.6.6.6\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "TE trailers",
			send: "GET / HTTP/1.1\nHost: a.test\nConnection: TE\nTE: gzip;q=0.5, Trailers\n",
			want: "GET / HTTP/1.1\nHost: a.test\nTe: trailers\n{origin}",
		},
		{
			name: "odd names",
			send: "GET / HTTP/1.1\nHost: a.test\nX_Forwarded_For: 6.6.6.6\nContent_Length: 3\nX.Y: 1\nX-Y: 2\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}X-Y: 2\n",
		},
		{
			name: "odd names kept, aliases of ours not", keepOdd: true,
			send: "GET / HTTP/1.1\nHost: a.test\nX_Forwarded_For: 6.6.6.6\nx_real_ip: 6.6.6.6\nX.Y: 1\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}X.y: 1\n",
		},
		{
			name: "upgrade to HTTP/2 is none",
			send: "GET / HTTP/1.1\nHost: a.test\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "upgrade from HTTP/1.0 is none",
			send: "GET / HTTP/1.0\nHost: a.test\nConnection: Upgrade\nUpgrade: websocket\n",
			want: "GET / HTTP/1.1\nHost: a.test\n{origin}",
		},
		{
			name: "body with a length",
			send: "PUT / HTTP/1.1\nHost: a.test\nContent-Length: 2\n",
			want: "PUT / HTTP/1.1\nHost: a.test\nContent-Length: 2\n{origin}",
		},
		{
			name: "body in chunks, trailers announced",
			send: "PUT / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\nTrailer: X-Sum, X-Forwarded-For\n",
			want: "PUT / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\nTrailer: X-Sum\n{origin}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			heads := make(chan string, 1)
			backend := rawServer(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", heads))
			if tt.pattern == "" {
				tt.pattern = "*"
			}
			p, h := newProxy(t, tt.pattern, backend+tt.path)
			p.KeepOddHeaders = tt.keepOdd
			s := (&front{handler: h}).start(t)
			conn, _ := dialRaw(t, s.URL)
			io.WriteString(conn, crlf(tt.send+"\n")+"hi")
			want := strings.NewReplacer("{origin}", origin, "{backend}", backend).Replace(tt.want)
			if got := mustReceive(t, heads); got != crlf(want+"\n") {
				t.Errorf("upstream got\n%s\nwant\n%s", got, want)
			}
			conn.Close()
		})
	}
}

func TestIsUpgrade(t *testing.T) {
	tests := []struct {
		name                string
		proto               int // minor version of HTTP/1
		connection, upgrade []string
		want                bool
	}{
		{"websocket", 1, []string{"Upgrade"}, []string{"websocket"}, true},
		{"among other options", 1, []string{"keep-alive, uPGRADE"}, []string{"WebSocket"}, true},
		{"any other protocol", 1, []string{"Upgrade"}, []string{"tcp"}, true},
		{"no Connection", 1, nil, []string{"websocket"}, false},
		{"no Upgrade", 1, []string{"Upgrade"}, nil, false},
		{"HTTP/1.0", 0, []string{"Upgrade"}, []string{"websocket"}, false},
		{"h2c", 1, []string{"Upgrade"}, []string{"H2C"}, false},
		{"HTTP/2.0", 1, []string{"Upgrade"}, []string{"HTTP/2.0"}, false},
		{"h2c among others", 1, []string{"Upgrade"}, []string{"h2c, websocket"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest("GET", "/")
			r.ProtoMinor = tt.proto
			r.Header["Connection"], r.Header["Upgrade"] = tt.connection, tt.upgrade
			if got := IsUpgrade(r); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	r := newRequest("GET", "/")
	r.ProtoMajor = 2
	r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	if IsUpgrade(r) {
		t.Error("HTTP/2 has no upgrades")
	}
}

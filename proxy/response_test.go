package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"httpmaster/router"
)

// The response that a client gets, byte for byte, Date apart.
func TestResponse(t *testing.T) {
	tests := []struct {
		name    string
		request string // "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n" when empty
		backend string // its response; the connection is closed behind it
		want    string
	}{
		{
			name:    "status, fields and body",
			backend: "HTTP/1.1 206 What Ever\nContent-Length: 2\nContent-Type: a/b\nServer: x\nSet-Cookie: a=1\nSet-Cookie: b=2\n\nhi",
			want:    "HTTP/1.1 206 Partial Content\nContent-Length: 2\nContent-Type: a/b\nServer: x\nSet-Cookie: a=1\nSet-Cookie: b=2\nConnection: close\n\nhi",
		},
		{
			name:    "no type is guessed",
			backend: "HTTP/1.1 200 OK\nContent-Length: 6\n\n<html>",
			want:    "HTTP/1.1 200 OK\nContent-Length: 6\nConnection: close\n\n<html>",
		},
		{
			name:    "hop by hop",
			backend: "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: x-hop\nX-Hop: 1\nKeep-Alive: timeout=5\nProxy-Authenticate: Basic\nProxy-Status: p\nUpgrade: h2c\nTe: x\nX-End: 1\n\n",
			want:    "HTTP/1.1 200 OK\nContent-Length: 0\nProxy-Status: p\nX-End: 1\nConnection: close\n\n",
		},
		{
			name:    "of unknown length",
			backend: "HTTP/1.0 200 OK\nContent-Type: a/b\n\nhello",
			want:    "HTTP/1.1 200 OK\nContent-Type: a/b\nConnection: close\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
		},
		{
			name:    "of unknown length, to HTTP/1.0",
			request: "GET / HTTP/1.0\nHost: a.test\n\n",
			backend: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Type: a/b\n\n3\nabc\n0\n\n",
			want:    "HTTP/1.0 200 OK\nContent-Type: a/b\nContent-Length: 3\n\nabc",
		},
		{
			name:    "HEAD",
			request: "HEAD / HTTP/1.1\nHost: a.test\nConnection: close\n\n",
			backend: "HTTP/1.1 200 OK\nContent-Length: 1000\nContent-Type: a/b\n\n",
			want:    "HTTP/1.1 200 OK\nContent-Length: 1000\nContent-Type: a/b\nConnection: close\n\n",
		},
		{
			name:    "204",
			backend: "HTTP/1.1 204 No Content\nX-A: 1\n\n",
			want:    "HTTP/1.1 204 No Content\nX-A: 1\nConnection: close\n\n",
		},
		{
			name:    "304",
			backend: "HTTP/1.1 304 Not Modified\nEtag: \"x\"\n\n",
			want:    "HTTP/1.1 304 Not Modified\nEtag: \"x\"\nConnection: close\n\n",
		},
		{
			name:    "announced trailers",
			backend: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-Sum, X-None\nContent-Type: a/b\n\n3\nabc\n0\nX-Sum: 1\n\n",
			want:    "HTTP/1.1 200 OK\nContent-Type: a/b\nTrailer: X-None, X-Sum\nConnection: close\nTransfer-Encoding: chunked\n\n3\nabc\n0\nX-Sum: 1\n\n",
		},
		{
			name:    "unannounced trailers",
			backend: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Type: a/b\n\n0\nX-Sum: 1\nConnection: x\nX_Odd: 1\n\n",
			want:    "HTTP/1.1 200 OK\nContent-Type: a/b\nConnection: close\nTransfer-Encoding: chunked\n\n0\nX-Sum: 1\n\n",
		},
		{
			name:    "more trailers than announced",
			backend: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-One\nContent-Type: a/b\n\n0\nX-One: 1\nX-Two: 2\n\n",
			want:    "HTTP/1.1 200 OK\nContent-Type: a/b\nTrailer: X-One\nConnection: close\nTransfer-Encoding: chunked\n\n0\nX-One: 1\nX-Two: 2\n\n",
		},
		{
			name:    "interim responses",
			backend: "HTTP/1.1 103 Early Hints\nLink: </a>\nConnection: x\n\nHTTP/1.1 102 Processing\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n",
			want:    "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 102 Processing\n\nHTTP/1.1 200 OK\nContent-Length: 0\nX-Chain: 1\nConnection: close\n\n",
		},
		{
			name:    "interim responses are not for HTTP/1.0",
			request: "GET / HTTP/1.0\nHost: a.test\n\n",
			backend: "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n",
			want:    "HTTP/1.0 200 OK\nContent-Length: 0\n\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
				readHead(br)
				io.WriteString(conn, crlf(tt.backend))
			})
			_, h := newProxy(t, "*", backend)
			if strings.Contains(tt.want, "X-Chain") {
				inner := h
				h = router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
					w.Header().Set("X-Chain", "1")
					inner.Serve(w, r, m)
				})
			}
			s := (&front{handler: h}).start(t)
			if tt.request == "" {
				tt.request = "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n"
			}
			if got, want := exchangeRaw(t, s.URL, tt.request), crlf(tt.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// HTTP/2 on both sides: interim responses and trailers, announced or not.
func TestResponseHTTP2(t *testing.T) {
	backend := h2cServer(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Te"); got != "trailers" {
			t.Errorf("Te is %q", got)
		}
		io.Copy(io.Discard, r.Body)
		if got := r.Trailer.Get("X-Sum"); got != "7" {
			t.Errorf("request trailer is %q", got)
		}
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("Trailer", "Grpc-Status")
		io.WriteString(w, "body")
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	})
	_, h := newProxy(t, "*", "h2c://"+backend)
	s := (&front{handler: h}).start(t)

	var hints string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = h.Get("Link")
		return nil
	}}
	req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", s.URL, io.NopCloser(strings.NewReader("x")))
	req.Trailer = http.Header{"X-Sum": {"7"}}
	req.Header.Set("Te", "trailers")
	resp, err := h2cClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "body" || resp.ProtoMajor != 2 {
		t.Errorf("got %q, %v over %s", body, err, resp.Proto)
	}
	if hints != "</a>" || resp.Header.Get("Link") != "" {
		t.Errorf("early hint is %q, in the final head %q", hints, resp.Header.Get("Link"))
	}
	if resp.Trailer.Get("Grpc-Status") != "0" || resp.Trailer.Get("Grpc-Message") != "fine" {
		t.Errorf("trailers are %v", resp.Trailer)
	}
}

// Request trailers over HTTP/1, one announced and one not.
func TestRequestTrailers(t *testing.T) {
	bodies := make(chan string, 1)
	backend := rawServer(t, func(conn net.Conn, br *bufio.Reader) {
		readHead(br)
		bodies <- readHead(br) // chunks and trailers have an empty line at their end as well
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	_, h := newProxy(t, "*", backend)
	s := (&front{handler: h}).start(t)
	exchangeRaw(t, s.URL, "POST / HTTP/1.1\nHost: a.test\nConnection: close\nTransfer-Encoding: chunked\nTrailer: X-One\n\n"+
		"3\nabc\n0\nX-One: 1\nX-Two: 2\nX-Forwarded-For: 6.6.6.6\nX_Odd: 1\nTransfer-Encoding: chunked\n\n")
	if got, want := mustReceive(t, bodies), crlf("3\nabc\n0\nX-One: 1\nX-Two: 2\n\n"); got != want {
		t.Errorf("upstream got %q, want %q", got, want)
	}
}

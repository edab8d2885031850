package proxy

import (
	"net/http"
	"testing"

	"httpmaster/router"
)

func TestRedirect(t *testing.T) {
	tests := []struct {
		name, pattern, to string
		code              int
		request           string // without Connection: close and the empty line
		want              string // the head; "" where only status and body matter
		body              string
	}{
		{
			name: "to HTTPS", pattern: "*", to: "https://[1]/[path]",
			request: "GET /a%20b/?q=1&r HTTP/1.1\nHost: A.test:8080\n",
			want:    "HTTP/1.1 302 Found\nContent-Length: 39\nContent-Type: text/plain; charset=utf-8\nLocation: https://a.test/a%20b/?q=1&r\nX-Content-Type-Options: nosniff\nConnection: close\n\n",
			body:    "302 Found: https://a.test/a%20b/?q=1&r\n",
		},
		{
			name: "another code, HEAD", pattern: "*", to: "https://www.test/", code: 308,
			request: "HEAD / HTTP/1.1\nHost: a.test\n",
			want:    "HTTP/1.1 308 Permanent Redirect\nContent-Length: 42\nContent-Type: text/plain; charset=utf-8\nLocation: https://www.test/\nX-Content-Type-Options: nosniff\nConnection: close\n\n",
		},
		{
			name: "an upgrade goes to the next element", pattern: "*", to: "https://[1]/[path]",
			request: "GET / HTTP/1.1\nHost: a.test\nConnection: Upgrade\nUpgrade: websocket\n",
			want:    "HTTP/1.1 204 No Content\nX-Next: 1\nConnection: close\n\n",
		},
		{
			name: "a capture that fits no port", pattern: "a.test/*", to: "https://a.test:[1]/",
			request: "GET /x HTTP/1.1\nHost: a.test\n",
			want:    "HTTP/1.1 400 Bad Request\nCache-Control: no-store\nContent-Length: 51\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nConnection: close\n\n",
			body:    "400 Bad Request\nThis address cannot be redirected.\n",
		},
		{
			name: "no host", pattern: "*", to: "https://[1]/[path]",
			request: "GET / HTTP/1.0\n",
			want:    "HTTP/1.0 400 Bad Request\nCache-Control: no-store\nContent-Length: 58\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\n\n",
			body:    "400 Bad Request\nThe request names no host to redirect to.\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to, at := parse(t, tt.pattern, tt.to)
			next := router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
				w.Header().Set("X-Next", "1")
				w.WriteHeader(http.StatusNoContent)
			})
			s := (&front{handler: at.mount(&Redirect{To: to, Code: tt.code, Next: next})}).start(t)
			got := exchangeRaw(t, s.URL, tt.request+"Connection: close\n\n")
			if want := crlf(tt.want) + tt.body; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestReject(t *testing.T) {
	tests := []struct {
		name    string
		reject  Reject
		request string
		want    string
		body    string
	}{
		{
			name:    "403 unless told otherwise",
			request: "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n",
			want:    "HTTP/1.1 403 Forbidden\nCache-Control: no-store\nContent-Length: 14\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nConnection: close\n\n",
			body:    "403 Forbidden\n",
		},
		{
			name: "own page", reject: Reject{Code: 410, Page: &ErrorPage{HTML: []byte(ownPage)}},
			request: "GET / HTTP/1.1\nHost: a.test\nConnection: close\n\n",
			want:    "HTTP/1.1 410 Gone\nCache-Control: no-store\nContent-Length: 14\nContent-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nConnection: close\n\n",
			body:    ownPage,
		},
		{
			// What looks like a second request is the first bytes of a tunnel.
			name:    "an upgrade gets a response and its connection closed",
			request: "GET / HTTP/1.1\nHost: a.test\nConnection: Upgrade\nUpgrade: websocket\n\nGET /2 HTTP/1.1\nHost: a.test\n\n",
			want:    "HTTP/1.1 403 Forbidden\nCache-Control: no-store\nConnection: close\nContent-Length: 14\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\n\n",
			body:    "403 Forbidden\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := (&front{handler: &tt.reject}).start(t)
			if got, want := exchangeRaw(t, s.URL, tt.request), crlf(tt.want)+tt.body; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

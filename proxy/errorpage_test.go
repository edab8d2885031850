package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"httpmaster/router"
)

func newRequest(method, path string) *http.Request {
	return httptest.NewRequest(method, path, nil)
}

// chainSets is an addHeader, as far as Proxy is concerned.
type chainSets struct {
	next   router.Handler
	fields map[string]string
}

func (c chainSets) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	for name, value := range c.fields {
		r.Header.Set(name, value)
	}
	c.next.Serve(w, r, m)
}

const (
	textPage = "502 Bad Gateway\nIt is <down> & \"out\".\n"
	jsonBody = `{"status":502,"error":"Bad Gateway","reason":"It is \u003cdown\u003e \u0026 \"out\"."}` + "\n"
	htmlPage = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>502 Bad Gateway</title></head>\n<body>\n<h1>502 Bad Gateway</h1>\n" +
		"<p>It is &lt;down&gt; &amp; &#34;out&#34;.</p>\n</body>\n</html>\n"
	ownPage = "<h1>Sorry</h1>"
)

func TestErrorPageByAccept(t *testing.T) {
	own := &ErrorPage{HTML: []byte(ownPage)}
	tests := []struct {
		name   string
		page   *ErrorPage
		accept []string
		want   string
	}{
		{"no Accept", nil, nil, textPage},
		{"no Accept, own page", own, nil, ownPage},
		{"curl", nil, []string{"*/*"}, textPage},
		{"curl, own page", own, []string{"*/*"}, ownPage},
		{"browser", nil, []string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}, htmlPage},
		{"browser, own page", own, []string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}, ownPage},
		{"program", own, []string{"application/json"}, jsonBody},
		{"program with alternatives", own, []string{"application/json, text/plain, */*"}, jsonBody},
		{"weights", nil, []string{"text/html;q=0.5, application/json; Q=0.7 ,text/plain;q=0.6"}, jsonBody},
		{"two fields", nil, []string{"text/html;q=0.5", "application/json"}, jsonBody},
		{"excluded", nil, []string{"text/*, text/plain;q=0"}, htmlPage},
		{"capitals", nil, []string{"TEXT/HTML"}, htmlPage},
		{"nothing on offer", nil, []string{"image/png"}, textPage},
		{"senseless", nil, []string{";;,,=/q"}, textPage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest("GET", "/")
			r.Header["Accept"] = tt.accept
			w := httptest.NewRecorder()
			tt.page.Write(w, r, http.StatusBadGateway, `It is <down> & "out".`)
			if got := w.Body.String(); got != tt.want || w.Code != http.StatusBadGateway {
				t.Errorf("got %d\n%s\nwant\n%s", w.Code, got, tt.want)
			}
		})
	}
}

func TestErrorPageHead(t *testing.T) {
	tests := []struct {
		name, method string
		status       int
		head, body   string
	}{
		{"GET", "GET", 404, "HTTP/1.1 404 Not Found\nCache-Control: no-store\nContent-Length: 14\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nX-Kept: 1\nConnection: close\n\n", "404 Not Found\n"},
		{"HEAD", "HEAD", 404, "HTTP/1.1 404 Not Found\nCache-Control: no-store\nContent-Length: 14\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nX-Kept: 1\nConnection: close\n\n", ""},
		{"a status without a body", "GET", 204, "HTTP/1.1 204 No Content\nCache-Control: no-store\nX-Kept: 1\nConnection: close\n\n", ""},
		{"a status without a name", "GET", 477, "HTTP/1.1 477 status code 477\nCache-Control: no-store\nContent-Length: 4\nContent-Type: text/plain; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nX-Kept: 1\nConnection: close\n\n", "477\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
				// As left by a handler that gave up on a file.
				w.Header().Set("X-Kept", "1")
				w.Header().Set("Etag", `"x"`)
				w.Header().Set("Content-Encoding", "gzip")
				w.Header().Set("Content-Length", "99999")
				(*ErrorPage)(nil).Write(w, r, tt.status, "")
			})
			s := (&front{handler: h}).start(t)
			got := exchangeRaw(t, s.URL, tt.method+" / HTTP/1.1\nHost: a.test\nConnection: close\n\n")
			if want := crlf(tt.head) + tt.body; got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

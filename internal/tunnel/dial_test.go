package tunnel

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDialRefused(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/forbidden", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not you", http.StatusForbidden) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, strings.Repeat("x", 5000)) })
	mux.Handle("/moved", http.RedirectHandler("/here?q=1", http.StatusMovedPermanently))
	mux.Handle("/away", http.RedirectHandler("https://other.example/", http.StatusTemporaryRedirect))
	mux.HandleFunc("/false", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Accept", "no")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	tests := []struct {
		path string
		want RefusedError
		text string
	}{
		{"/forbidden", RefusedError{Status: 403, Body: "not you\n"}, "the server answered 403 Forbidden"},
		{"/long", RefusedError{Status: 200, Body: strings.Repeat("x", 1024)}, "the server answered 200 OK"},
		{"/moved", RefusedError{Status: 301, Location: s.URL + "/here?q=1", Body: "<a href=\"/here?q=1\">Moved Permanently</a>.\n\n"}, "the server answered 301 Moved Permanently"},
		{"/away", RefusedError{Status: 307, Location: "https://other.example/", Body: "<a href=\"https://other.example/\">Temporary Redirect</a>.\n\n"}, "the server answered 307 Temporary Redirect"},
	}
	for _, test := range tests {
		_, err := new(Dialer).Dial(t.Context(), s.URL+test.path)
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || *refused != test.want || err.Error() != test.text {
			t.Errorf("%s: %v, %+v", test.path, err, refused)
		}
	}
	_, err := new(Dialer).Dial(t.Context(), s.URL+"/false")
	if _, refused := errors.AsType[*RefusedError](err); err == nil || refused || !strings.Contains(err.Error(), "Sec-WebSocket-Accept") {
		t.Errorf("a false handshake gives %v", err)
	}
}

func TestDialSends(t *testing.T) {
	seen := make(chan *http.Request, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.WriteHeader(http.StatusNotFound)
	}))
	defer s.Close()
	d := Dialer{Header: http.Header{"X-Extra": {"1", "2"}, "Host": {"other.example"}}}
	_, _ = d.Dial(t.Context(), strings.Replace(s.URL, "http://", "ws://user:pa%20ss@", 1)+"/a?b=c")
	r := <-seen
	user, password, _ := r.BasicAuth()
	if user != "user" || password != "pa ss" {
		t.Errorf("credentials %q and %q", user, password)
	}
	if r.Host != "other.example" || r.URL.String() != "/a?b=c" || len(r.Header["X-Extra"]) != 2 {
		t.Errorf("host %q, path %q, header %v", r.Host, r.URL, r.Header)
	}
	if got := r.Header.Get("Sec-WebSocket-Protocol"); got != "binary" {
		t.Errorf("offered %q", got)
	}
	if err := CheckHandshake(r); err != nil {
		t.Errorf("our own handshake: %v", err)
	}
}

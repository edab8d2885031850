package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/router"
)

// matchOf is the Match of a request to host that pattern has matched.
func matchOf(t *testing.T, pattern, host, path string) *router.Match {
	t.Helper()
	p, err := router.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	m := &router.Match{Host: host}
	if m.Path, m.Forward, err = router.CanonicalPath(path, false); err != nil {
		t.Fatal(err)
	}
	if router.NewTable([]*router.Rule{{Pattern: p, Line: 7}}, router.Scope{}).Match(m) == nil {
		t.Fatalf("%s does not match %s%s", pattern, host, path)
	}
	return m
}

// TestProxyPreviewIsWhatIsSent compares the preview with what an upstream gets.
func TestProxyPreviewIsWhatIsSent(t *testing.T) {
	var sent string
	describe := func(r *http.Request) string {
		return fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sent = describe(r) }))
	defer upstream.Close()
	address := upstream.Listener.Addr().String()
	for _, target := range []string{address, address + "/x/[1]?q=1", "http://" + address + "/"} {
		m := matchOf(t, "a.com/*", "a.com", "/p%20q/r")
		m.Query = "k=v"
		to, _ := parse(t, "a.com/*", target)
		p := &Proxy{Target: to, Upstream: NewUpstream(UpstreamSettings{})}
		defer p.Upstream.Close()
		r := httptest.NewRequest("GET", "http://a.com/p%20q/r?k=v", nil)
		r.Header.Set("Connection", "X-Secret")
		r.Header.Set("X-Secret", "s")
		r.Header.Set("User-Agent", "test")
		CleanRequest(r, false)
		previews, err := p.Preview(r, m)
		if err != nil {
			t.Fatal(err)
		}
		out := previews[0].Request
		previewed := out.Clone(t.Context())
		previewed.RequestURI = out.URL.RequestURI()
		p.Serve(httptest.NewRecorder(), r, m)
		if got := describe(previewed); got != sent {
			t.Errorf("previewed %s\nsent      %s", got, sent)
		}
		if got := previews[0].Address; len(previews) != 1 || got != "http://"+address {
			t.Errorf("%d upstreams, the first at %q", len(previews), got)
		}
	}
}

func TestHopAddress(t *testing.T) {
	for target, want := range map[string]string{
		"8080":                   "http://127.0.0.1:8080",
		"https://b.com/x":        "https://b.com:443",
		"https+insecure://b.com": "https+insecure://b.com:443",
		"h2c://[::1]:81":         "h2c://[::1]:81",
		"[1]:81":                 "http://a.com:81",
		"unix:/run/[1].sock":     "unix:/run/a.com.sock",
	} {
		to, _ := parse(t, "*", target)
		hop := Hop{Target: to, Upstream: NewUpstream(UpstreamSettings{Scheme: to.Scheme})}
		if got, err := hop.Address(matchOf(t, "*", "a.com", "/")); got != want || err != nil {
			t.Errorf("%s: %q, %v", target, got, err)
		}
	}
}

func TestTunnelPreview(t *testing.T) {
	tests := []struct {
		name, target, path string
		allow              []string
		want               TunnelPreview
		err                string
	}{
		{"fixed", "22", "/x/y", nil, TunnelPreview{Target: "localhost:22", Addresses: []string{"localhost:22"}}, ""},
		{"a name that is listed", "[1]:[2]", "/db.lan/22", []string{"*.lan:22"},
			TunnelPreview{Target: "db.lan:22", Addresses: []string{"10.1.2.3:22"}, Resolved: true}, ""},
		{"all its addresses", "[1]:[2]", "/both.lan/22", []string{"*.lan:22"},
			TunnelPreview{Target: "both.lan:22", Addresses: []string{"10.1.2.3:22", "[fd00::3]:22"}, Resolved: true}, ""},
		{"not listed", "[1]:[2]", "/192.0.2.1/22", []string{"*.lan:22"},
			TunnelPreview{Target: "192.0.2.1:22", Status: 403, Reason: "this target is not allowed"}, "`allow` does not list 192.0.2.1:22"},
		{"a name that leads home", "[1]:22", "/loop.lan/22", nil,
			TunnelPreview{Target: "loop.lan:22", Resolved: true, Status: 403, Reason: "this target is not allowed"},
			"\"loop.lan\" resolves to nothing that is allowed: a request may ask for 127.0.0.1 (loopback) only if `allow` lists it"},
		{"no port", "[1]:[2]", "/db.lan/ssh", nil,
			TunnelPreview{Target: "[1]:[2]", Status: 400, Reason: "the address is not one that can lead anywhere"},
			`a part of the request does not fit its place in the target: "ssh" is not a port from 1 to 65535`},
		{"a socket", "unix:/run/[1].sock", "/app/22", nil,
			TunnelPreview{Target: "unix:/run/app.sock", Addresses: []string{"/run/app.sock"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, _, _ := newWebsockify(t, "a.com/*/*", test.target)
			if test.allow != nil {
				var err error
				if h.Allow, err = ParseDestinations(test.allow); err != nil {
					t.Fatal(err)
				}
			}
			got := h.Preview(t.Context(), matchOf(t, "a.com/*/*", "a.com", test.path), testNames.lookup)
			text := ""
			if got.Err != nil {
				text = got.Err.Error()
			}
			got.Err = nil
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", test.want) || text != test.err {
				t.Errorf("got  %+v %s\nwant %+v %s", got, text, test.want, test.err)
			}
		})
	}
}

func TestStaticFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"index.html", "sub/index.html", "sub/a.txt", ".env"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		argument, path, want string
		found                bool
	}{
		{"DIR", "/", "DIR/index.html", true},
		{"DIR", "/sub/", "DIR/sub/index.html", true},
		{"DIR", "/sub/a.txt", "DIR/sub/a.txt", true},
		{"DIR", "/sub/a.txt/", "DIR/sub/a.txt", false},
		{"DIR", "/none", "DIR/none", false},
		{"DIR", "/.env", "DIR", false},
		{"DIR/sub/[1]", "/a.txt", "DIR/sub/a.txt", true},
	} {
		p, err := router.ParsePattern("a.com/*")
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewStatic(strings.ReplaceAll(test.argument, "DIR", dir), router.Scope{}.With(p))
		if err != nil {
			t.Fatal(err)
		}
		name, found, err := s.Find(matchOf(t, "a.com/*", "a.com", test.path))
		if got := strings.ReplaceAll(name, dir, "DIR"); got != test.want || found != test.found || err != nil {
			t.Errorf("%s %s: %q, %v, %v", test.argument, test.path, got, found, err)
		}
	}
}

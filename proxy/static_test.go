package proxy

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"httpmaster/router"
)

// site is a folder of files and a server in front of it.
type site struct {
	t    *testing.T
	dir  string // the folder served
	addr string
	log  *bytes.Buffer
}

// newSite serves the files named, below pattern; "DIR" in argument stands for
// the folder. Encoded slashes are allowed, as with the port key for it.
func newSite(t *testing.T, pattern, argument string, files map[string]string) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "www"), log: new(bytes.Buffer)}
	s.mkdir("")
	for name, content := range files {
		s.write(name, content)
	}
	p, err := router.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	static, err := NewStatic(strings.ReplaceAll(argument, "DIR", s.dir), router.Scope{}.With(p))
	if err != nil {
		t.Fatal(err)
	}
	static.Log = slog.New(slog.NewTextHandler(s.log, nil))
	table := router.NewTable([]*router.Rule{{Pattern: p, Handler: static}}, router.Scope{})
	handler := table.Handler(router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		http.Error(w, "no rule", http.StatusTeapot)
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := &router.Match{Host: "a.com", Query: r.URL.RawQuery}
		var err error
		m.Path, m.Forward, err = router.CanonicalPath(router.WirePath(r.URL), true)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		handler.Serve(w, r, m)
	}))
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return s
}

func (s *site) mkdir(name string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// write makes a file that is an hour old.
func (s *site) write(name, content string) {
	s.t.Helper()
	s.mkdir(filepath.Dir(name))
	full := filepath.Join(s.dir, name)
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.setTime(name, time.Now().Add(-time.Hour))
}

func (s *site) setTime(name string, at time.Time) {
	s.t.Helper()
	if err := os.Chtimes(filepath.Join(s.dir, name), at, at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) link(target, name string) {
	s.t.Helper()
	if err := os.Symlink(target, filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// get sends the request line and the header lines as they are.
func (s *site) get(requestLine string, header ...string) answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	lines := append([]string{requestLine + " HTTP/1.1", "Host: a.com", "Connection: close"}, header...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
	method, _, _ := strings.Cut(requestLine, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("got %d %q, want %d %q", a.status, a.body, status, body)
	}
}

func (a answer) wantHeader(t *testing.T, name, value string) {
	t.Helper()
	if got := a.header.Get(name); got != value {
		t.Errorf("%s is %q, want %q", name, got, value)
	}
}

const noSuchFile = "404 Not Found\nthere is no such file\n"

func TestStaticPicksFile(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{
		"index.html":                 "home",
		"app.js":                     "code",
		"docs/index.html":            "docs home",
		"docs/one.txt":               "one",
		"empty/keep":                 "",
		"100%.txt":                   "percent",
		"%2F.txt":                    "percent 2F",
		"a b/źdźbło.txt":             "grass",
		"semi;colon.txt":             "semicolon",
		".env":                       "secret",
		".git/config":                "secret",
		".htpasswd":                  "secret",
		"docs/.hidden/x":             "secret",
		".well-known/security.txt":   "contact",
		".well-known/.dot":           "secret",
		"dir.with.dots/index.html":   "dots",
		"index.html.d/index.html":    "odd",
		"folder/index.html/file.txt": "index.html is a folder",
	})
	cases := []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, "home"},
		{"/index.html", 200, "home"},
		{"/app.js", 200, "code"},
		{"/app.js?v=1", 200, "code"},
		{"/docs/", 200, "docs home"},
		{"/docs/one.txt", 200, "one"},
		{"//docs//one.txt", 200, "one"},
		{"/docs/../app.js", 200, "code"},
		{"/docs/%6fne.txt", 200, "one"},
		{"/100%25.txt", 200, "percent"},
		{"/%252F.txt", 200, "percent 2F"},
		{"/a%20b/%C5%BAd%C5%BAb%C5%82o.txt", 200, "grass"},
		{"/semi;colon.txt", 200, "semicolon"},
		{"/dir.with.dots/", 200, "dots"},
		{"/.well-known/security.txt", 200, "contact"},

		{"/app.js/", 404, noSuchFile},
		{"/app.js/x", 404, noSuchFile},
		{"/nothing", 404, noSuchFile},
		{"/empty/", 404, noSuchFile},
		{"/empty", 404, noSuchFile},
		{"/folder/", 404, noSuchFile},
		{"/" + strings.Repeat("x", 300), 404, noSuchFile},
		{"/.env", 404, noSuchFile},
		{"/%2eenv", 404, noSuchFile},
		{"/.git/config", 404, noSuchFile},
		{"/.htpasswd", 404, noSuchFile},
		{"/docs/.hidden/x", 404, noSuchFile},
		{"/.well-known/.dot", 404, noSuchFile},
		{"/docs%2Fone.txt", 404, noSuchFile},
		{"/docs%2fone.txt", 404, noSuchFile},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) { s.get("GET "+c.path).want(t, c.status, c.body) })
	}
	if s.log.Len() > 0 {
		t.Errorf("logged without need: %s", s.log)
	}
}

func TestStaticMacros(t *testing.T) {
	files := map[string]string{
		"guide/a.html":       "a",
		"guide/index.html":   "index",
		"a.com/index.html":   "host",
		"50%/a":              "literal percent",
		"[x]/a":              "literal bracket",
		"guide/.secret":      "secret",
		"other/.x/a.html":    "hidden",
		"guide/d/index.html": "d",
	}
	cases := []struct {
		name, pattern, argument, path string
		status                        int
		body                          string
	}{
		{"rest", "a.com/docs/*", "DIR/guide/[1]", "/docs/a.html", 200, "a"},
		{"rest is empty", "a.com/docs/*", "DIR/guide/[1]", "/docs/", 200, "index"},
		{"folder below", "a.com/docs/*", "DIR/guide/[1]", "/docs/d/", 200, "d"},
		{"named", "a.com/docs/*", "DIR/guide/[rest]", "/docs/a.html", 200, "a"},
		{"suffix", "a.com/docs/*", "DIR/guide/[1].html", "/docs/a", 200, "a"},
		{"host", "*", "DIR/[host]/", "/whatever/", 200, "host"},
		{"host and path", "*", "DIR/[1]/[path]", "/index.html?q", 200, "host"},
		{"above the literal part", "a.com/docs/*", "DIR/guide/[1]", "/docs/../other/a", 418, "no rule\n"},
		{"hidden", "a.com/docs/*", "DIR/guide/[1]", "/docs/.secret", 404, noSuchFile},
		{"literal percent", "a.com/*", "DIR/50%/[1]", "/a", 200, "literal percent"},
		{"percent in the expanded part", "a.com/*", "DIR/[1]%/a", "/50", 200, "literal percent"},
		{"literal bracket", "a.com/*", "DIR/[[x]/[1]", "/a", 200, "literal bracket"},
		{"encoded slash", "a.com/*", "DIR/[1]", "/guide%2Fa.html", 404, noSuchFile},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			newSite(t, c.pattern, c.argument, files).get("GET "+c.path).want(t, c.status, c.body)
		})
	}
}

func TestStaticFolderRedirect(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{
		"docs/index.html":     "docs",
		"a b/index.html":      "space",
		"evil.com/index.html": "evil",
	})
	for _, c := range []struct{ path, location string }{
		{"/docs", "/docs/"},
		{"/docs?a=1&b=%2F", "/docs/?a=1&b=%2F"},
		{"/a%20b", "/a%20b/"},
		{"//evil.com", "/evil.com/"},
		{"///evil.com?x", "/evil.com/?x"},
	} {
		t.Run(c.path, func(t *testing.T) {
			a := s.get("GET " + c.path)
			a.want(t, http.StatusMovedPermanently, "")
			a.wantHeader(t, "Location", c.location)
		})
	}
}

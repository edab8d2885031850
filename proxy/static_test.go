package proxy

import (
	"bufio"
	"bytes"
	"errors"
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

func TestStaticNeverLeavesFolder(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"in/file.txt": "inside"})
	outside := filepath.Dir(s.dir)
	if err := os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.link(filepath.Join(outside, "secret.txt"), "absolute.txt")
	s.link("../secret.txt", "relative.txt")
	s.link("..", "up")
	s.link(outside, "away")
	s.link("in/file.txt", "inside.txt")
	s.link("loop", "loop")
	for _, path := range []string{
		"/absolute.txt", "/relative.txt", "/up/secret.txt", "/away/secret.txt", "/away/www/in/file.txt",
		"/up/", "/loop", "/../secret.txt", "/in/../../secret.txt",
	} {
		t.Run(path, func(t *testing.T) { s.get("GET "+path).want(t, 404, noSuchFile) })
	}
	for _, path := range []string{
		"/%2e%2e/secret.txt", "/..%2fsecret.txt", "/in/%2e%2e%2f%2e%2e/secret.txt", "/..%5csecret.txt",
		"/in%00", "/%2e%2e%2fsecret.txt", "/..;/secret.txt", "/.%2e/secret.txt",
	} {
		t.Run(path, func(t *testing.T) {
			if a := s.get("GET " + path); a.status != 400 && a.status != 404 || strings.Contains(a.body, "secret") {
				t.Errorf("got %d %q", a.status, a.body)
			}
		})
	}
	t.Run("a link that stays inside", func(t *testing.T) { s.get("GET /inside.txt").want(t, 200, "inside") })
	if !strings.Contains(s.log.String(), "a link leads outside the folder") {
		t.Errorf("the operator is not told why: %s", s.log)
	}
}

func TestStaticMethods(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "hello", "404.html": "custom"})
	t.Run("HEAD", func(t *testing.T) {
		a := s.get("HEAD /a.txt")
		a.want(t, 200, "")
		a.wantHeader(t, "Content-Length", "5")
		a.wantHeader(t, "Content-Type", "text/plain; charset=utf-8")
	})
	t.Run("HEAD of nothing", func(t *testing.T) {
		a := s.get("HEAD /b.txt")
		a.want(t, 404, "")
		a.wantHeader(t, "Content-Length", "6")
	})
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		t.Run(method, func(t *testing.T) {
			a := s.get(method+" /a.txt", "Content-Length: 0")
			a.want(t, 405, "405 Method Not Allowed\nonly GET and HEAD are possible here\n")
			a.wantHeader(t, "Allow", "GET, HEAD")
		})
	}
}

func TestStaticNotFoundPage(t *testing.T) {
	s := newSite(t, "a.com/docs/*", "DIR/[1]", map[string]string{"404.html": "<p>gone", "sub/404.html": "not this"})
	for _, path := range []string{"/docs/x", "/docs/sub/x", "/docs/.env", "/docs/"} {
		t.Run(path, func(t *testing.T) {
			a := s.get("GET "+path, "If-None-Match: *", "Range: bytes=0-1")
			a.want(t, 404, "<p>gone")
			a.wantHeader(t, "Content-Type", "text/html; charset=utf-8")
			a.wantHeader(t, "ETag", "")
		})
	}
}

func TestStaticFolderIsReplaced(t *testing.T) {
	s := newSite(t, "a.com", "DIR/live/[path]", map[string]string{"live/a.txt": "one", "next/a.txt": "two"})
	s.get("GET /a.txt").want(t, 200, "one")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	rename("live", "old")
	s.get("GET /a.txt").want(t, 503, "503 Service Unavailable\nthe files are not available at the moment\n")
	if !strings.Contains(s.log.String(), "the folder of static files cannot be opened") {
		t.Errorf("not logged: %s", s.log)
	}
	rename("next", "live")
	s.get("GET /a.txt").want(t, 200, "two")
}

func TestNewStaticErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := router.ParsePattern("a.com/x/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, argument, want string }{
		{"missing", dir + "/none", "cannot open the folder " + dir + "/none: no such file or directory"},
		{"missing before the macro", dir + "/none/[1]", "cannot open the folder " + dir + "/none/: no such file or directory"},
		{"file", file, "cannot open the folder " + file + ": not a directory"},
		{"nothing", "", "static needs a folder"},
		{"macro only", "[1]", `the folder must begin with a fixed part that ends in "/", such as /var/www/[1]`},
		{"macro first", "[1]/x", `the folder must begin with a fixed part that ends in "/", such as /var/www/[1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewStatic(c.argument, router.Scope{}.With(p))
			if err == nil || err.Error() != c.want || s != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	_, err = NewStatic(dir+"/[2]", router.Scope{}.With(p))
	var syntax *router.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != len(dir)+1 {
		t.Errorf("a capture that is not there gives %#v, want a syntax error at %d", err, len(dir)+1)
	}
}

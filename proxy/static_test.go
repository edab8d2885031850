package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	if err := syscall.Mkfifo(filepath.Join(s.dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/absolute.txt", "/relative.txt", "/up/secret.txt", "/away/secret.txt", "/away/www/in/file.txt",
		"/up/", "/loop", "/pipe", "/../secret.txt", "/in/../../secret.txt",
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

func TestStaticRanges(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "0123456789"})
	tag := s.get("GET /a.txt").header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Fatalf("the ETag of an old file is %q, not strong", tag)
	}
	a := s.get("GET /a.txt", "Range: bytes=2-4")
	a.want(t, 206, "234")
	a.wantHeader(t, "Content-Range", "bytes 2-4/10")
	a.wantHeader(t, "Accept-Ranges", "bytes")
	s.get("GET /a.txt", "Range: bytes=-2").want(t, 206, "89")
	s.get("GET /a.txt", "Range: bytes=2-4", "If-Range: "+tag).want(t, 206, "234")
	s.get("GET /a.txt", "Range: bytes=2-4", `If-Range: "other"`).want(t, 200, "0123456789")
	a = s.get("GET /a.txt", "Range: bytes=10-")
	a.wantHeader(t, "Content-Range", "bytes */10")
	if a.status != 416 {
		t.Errorf("a range behind the end gets %d, want 416", a.status)
	}
	a = s.get("GET /a.txt", "Range: bytes=0-0,9-9")
	if a.status != 206 || !strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") || strings.Count(a.body, "Content-Range") != 2 {
		t.Errorf("two ranges get %d %q %q", a.status, a.header.Get("Content-Type"), a.body)
	}
}

func TestStaticConditions(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "text", "new.txt": "new", "epoch.txt": "epoch"})
	s.setTime("new.txt", time.Now().Add(time.Minute)) // as new as can be, at any speed of the test
	s.setTime("epoch.txt", time.Unix(1, 0))
	first := s.get("GET /a.txt")
	tag, modified := first.header.Get("ETag"), first.header.Get("Last-Modified")
	if tag == "" || modified == "" {
		t.Fatalf("ETag %q, Last-Modified %q", tag, modified)
	}
	cases := []struct {
		name, header string
		status       int
		body         string
	}{
		{"same tag", "If-None-Match: " + tag, 304, ""},
		{"same tag made weak", "If-None-Match: W/" + tag, 304, ""},
		{"among others", `If-None-Match: "x", ` + tag, 304, ""},
		{"other tag", `If-None-Match: "x"`, 200, "text"},
		{"not modified", "If-Modified-Since: " + modified, 304, ""},
		{"modified", "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 200, "text"},
		{"match", "If-Match: " + tag, 200, "text"},
		{"no match", `If-Match: "x"`, 412, ""},
		{"unmodified", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 412, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { s.get("GET /a.txt", c.header).want(t, c.status, c.body) })
	}
	if tag := s.get("GET /new.txt").header.Get("ETag"); !strings.HasPrefix(tag, `W/"`) {
		t.Errorf("the ETag of a file that may still change is %q, not weak", tag)
	}
	epoch := s.get("GET /epoch.txt")
	epoch.wantHeader(t, "ETag", "")
	epoch.wantHeader(t, "Last-Modified", "")
}

func TestStaticChangedFileHasOtherETag(t *testing.T) {
	s := newSite(t, "a.com", "DIR", map[string]string{"a.txt": "one"})
	first := s.get("GET /a.txt").header.Get("ETag")
	s.write("a.txt", "two")
	s.setTime("a.txt", time.Now().Add(-30*time.Minute))
	if a := s.get("GET /a.txt", "If-None-Match: "+first); a.status != 200 || a.body != "two" {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStaticPrecompressed(t *testing.T) {
	plain := strings.Repeat("console.log(1);\n", 100)
	packed := zip(t, plain)
	s := newSite(t, "a.com", "DIR", map[string]string{
		"app.js": plain, "app.js.gz": packed,
		"index.html": "<p>home", "index.html.gz": zip(t, "<p>home"),
		"NOTES": "plain text", "NOTES.gz": zip(t, "plain text"),
		"stale.js": "fresh", "stale.js.gz": zip(t, "stale"),
		"only.js.gz": packed,
		"alone.js":   "alone",
		"dir.js":     "dir", "dir.js.gz/x": "x",
	})
	s.setTime("stale.js.gz", time.Now().Add(-2*time.Hour))
	plainTag := s.get("GET /app.js").header.Get("ETag")

	t.Run("for who does not take it", func(t *testing.T) {
		for _, accept := range []string{"Accept-Encoding: br", "Accept-Encoding: gzip;q=0", "Accept-Encoding: *;q=0", "Accept-Encoding: identity, gzip; q=0.0, *", "X: y"} {
			a := s.get("GET /app.js", accept)
			a.want(t, 200, plain)
			a.wantHeader(t, "Content-Encoding", "")
			a.wantHeader(t, "Vary", "Accept-Encoding")
		}
	})
	t.Run("for who does", func(t *testing.T) {
		for _, accept := range []string{"gzip", "br, gzip", "GZIP;q=0.5", "*", "x-gzip", "identity;q=1, *;q=0.1"} {
			a := s.get("GET /app.js", "Accept-Encoding: "+accept)
			a.want(t, 200, packed)
			a.wantHeader(t, "Content-Encoding", "gzip")
			a.wantHeader(t, "Content-Type", "text/javascript; charset=utf-8")
			a.wantHeader(t, "Vary", "Accept-Encoding")
			a.wantHeader(t, "Content-Length", strconv.Itoa(len(packed)))
			if tag := a.header.Get("ETag"); tag == plainTag || tag == "" {
				t.Errorf("the ETag is %q, that of the plain file %q", tag, plainTag)
			}
		}
	})
	const gz = "Accept-Encoding: gzip"
	t.Run("HEAD", func(t *testing.T) {
		a := s.get("HEAD /app.js", gz)
		a.want(t, 200, "")
		a.wantHeader(t, "Content-Length", strconv.Itoa(len(packed)))
		a.wantHeader(t, "Content-Encoding", "gzip")
	})
	t.Run("range of the compressed bytes", func(t *testing.T) {
		a := s.get("GET /app.js", gz, "Range: bytes=5-14")
		a.want(t, 206, packed[5:15])
		a.wantHeader(t, "Content-Encoding", "gzip")
		a.wantHeader(t, "Content-Range", "bytes 5-14/"+strconv.Itoa(len(packed)))
	})
	t.Run("range on the other form's ETag", func(t *testing.T) {
		s.get("GET /app.js", gz, "Range: bytes=5-14", "If-Range: "+plainTag).want(t, 200, packed)
	})
	t.Run("range behind its end", func(t *testing.T) {
		a := s.get("GET /app.js", gz, "Range: bytes="+strconv.Itoa(len(packed))+"-")
		a.wantHeader(t, "Content-Encoding", "")
		if a.status != 416 {
			t.Errorf("got %d, want 416", a.status)
		}
	})
	t.Run("conditions", func(t *testing.T) {
		tag := s.get("GET /app.js", gz).header.Get("ETag")
		s.get("GET /app.js", gz, "If-None-Match: "+tag).want(t, 304, "")
		s.get("GET /app.js", gz, "If-None-Match: "+plainTag).want(t, 200, packed)
		s.get("GET /app.js", gz, "If-Match: "+plainTag).want(t, 412, "")
		s.get("GET /app.js", gz, "If-Match: "+tag).want(t, 200, packed)
	})
	t.Run("index.html", func(t *testing.T) {
		a := s.get("GET /", gz)
		a.wantHeader(t, "Content-Encoding", "gzip")
		a.wantHeader(t, "Content-Type", "text/html; charset=utf-8")
	})
	t.Run("type by the plain bytes", func(t *testing.T) {
		s.get("GET /NOTES", gz).wantHeader(t, "Content-Type", "text/plain; charset=utf-8")
	})
	t.Run("older than the file", func(t *testing.T) {
		a := s.get("GET /stale.js", gz)
		a.want(t, 200, "fresh")
		a.wantHeader(t, "Vary", "")
	})
	t.Run("no plain file", func(t *testing.T) { s.get("GET /only.js", gz).want(t, 404, noSuchFile) })
	t.Run("asked for by its name", func(t *testing.T) {
		a := s.get("GET /only.js.gz", gz)
		a.want(t, 200, packed)
		a.wantHeader(t, "Content-Encoding", "")
	})
	t.Run("no sibling", func(t *testing.T) { s.get("GET /alone.js", gz).wantHeader(t, "Vary", "") })
	t.Run("sibling is a folder", func(t *testing.T) { s.get("GET /dir.js", gz).want(t, 200, "dir") })
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

package proxy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"httpmaster/router"
)

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

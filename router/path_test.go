package router

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestCanonicalPath(t *testing.T) {
	for _, c := range []struct{ escaped, path, forward string }{
		{"/", "/", "/"},
		{"/a/b", "/a/b", "/a/b"},
		{"/a/", "/a/", "/a/"},
		{"/.well-known/x", "/.well-known/x", "/.well-known/x"},
		{"/...", "/...", "/..."},
		{"/a../b", "/a../b", "/a../b"},
		{"/..a", "/..a", "/..a"},
		// encodings that pass as written
		{"/a%20b", "/a b", "/a%20b"},
		{"/a%3Db", "/a=b", "/a%3Db"},
		{"/a%3db", "/a=b", "/a%3db"},
		{"/%c4%87", "/ć", "/%c4%87"},
		{"/%ff", "/\xff", "/%ff"},
		{"/a%3Fb%23c", "/a?b#c", "/a%3Fb%23c"},
		{"/a;x=1/b", "/a;x=1/b", "/a;x=1/b"},
		{"/a%3bx", "/a;x", "/a%3bx"},
		{"/a|b[1]", "/a|b[1]", "/a|b[1]"},
		// a percent sign stays encoded
		{"/100%25", "/100%25", "/100%25"},
		{"/%252e%252e/x", "/%252e%252e/x", "/%252e%252e/x"},
		{"/%2525", "/%2525", "/%2525"},
		// encodings that mean the same when they are not there
		{"/%61dmin", "/admin", "/admin"},
		{"/%7Eme", "/~me", "/~me"},
		{"/a%2Dz%2ehtml", "/a-z.html", "/a-z.html"},
		{"/%61%20%3D", "/a =", "/a%20%3D"},
		// raw bytes that must be encoded
		{"/a b", "/a b", "/a%20b"},
		{"/ć", "/ć", "/%C4%87"},
		{"/\xff", "/\xff", "/%FF"},
		{"/a?b#c", "/a?b#c", "/a%3Fb%23c"},
		// slashes and dot segments
		{"//", "/", "/"},
		{"//a///b//", "/a/b/", "/a/b/"},
		{"/.", "/", "/"},
		{"/..", "/", "/"},
		{"/../..", "/", "/"},
		{"/a/.", "/a/", "/a/"},
		{"/a/..", "/", "/"},
		{"/a/../b", "/b", "/b"},
		{"/a/./b", "/a/b", "/a/b"},
		{"/a//../b", "/b", "/b"},
		{"/a/b/../../../c", "/c", "/c"},
		{"/a%20b/../c%20d", "/c d", "/c%20d"},
		{"/%3B/x%3Dy/..", "/;/", "/%3B/"},
	} {
		p, forward, err := CanonicalPath(c.escaped, false)
		if p != c.path || forward != c.forward || err != nil {
			t.Errorf("CanonicalPath(%q) = %q, %q, %v; want %q, %q", c.escaped, p, forward, err, c.path, c.forward)
		}
	}
}

func TestCanonicalPathRefused(t *testing.T) {
	for escaped, want := range map[string]error{
		"":                errPathStart,
		"*":               errPathStart,
		"a":               errPathStart,
		"/a%":             errPathPercent,
		"/a%2":            errPathPercent,
		"/%zz":            errPathPercent,
		"/%2g":            errPathPercent,
		"/a%u002f":        errPathPercent,
		"/a\x00":          errPathControl,
		"/a\r\nb":         errPathControl,
		"/a\x7f":          errPathControl,
		"/%00":            errPathControl,
		"/a%0d%0aX:%20y":  errPathControl,
		"/a%7f":           errPathControl,
		`/a\b`:            errPathBackslash,
		"/a%5cb":          errPathBackslash,
		"/a%5Cb":          errPathBackslash,
		"/a%2fb":          errPathSlash,
		"/..%2F..%2Fetc":  errPathSlash,
		"/%2e":            errPathDots,
		"/%2e%2e":         errPathDots,
		"/a/%2E%2e/b":     errPathDots,
		"/a/.%2e/b":       errPathDots,
		"/a/%2e./b":       errPathDots,
		"/a/..;/b":        errPathDots,
		"/a/..;x=1/b":     errPathDots,
		"/a/.;/b":         errPathDots,
		"/a/..;":          errPathDots,
		"/a/..%3b/b":      errPathDots,
		"/a/%2e%2e;foo/b": errPathDots,
	} {
		p, forward, err := CanonicalPath(escaped, false)
		if !errors.Is(err, want) || !errors.Is(err, ErrPath) || p != "" || forward != "" {
			t.Errorf("CanonicalPath(%q) = %q, %q, %v; want %v", escaped, p, forward, err, want)
		}
	}
}

func TestCanonicalPathEncodedSlash(t *testing.T) {
	for _, c := range []struct{ escaped, path, forward string }{
		{"/a%2fb", "/a%2Fb", "/a%2fb"},
		{"/a%2Fb/%61", "/a%2Fb/a", "/a%2Fb/a"},
		{"/a%2Fb/../c", "/c", "/c"},
		{"/%2F", "/%2F", "/%2F"},
		{"/a%252Fb", "/a%252Fb", "/a%252Fb"},
	} {
		p, forward, err := CanonicalPath(c.escaped, true)
		if p != c.path || forward != c.forward || err != nil {
			t.Errorf("CanonicalPath(%q) = %q, %q, %v; want %q, %q", c.escaped, p, forward, err, c.path, c.forward)
		}
	}
	for escaped, want := range map[string]error{
		"/..%2Fadmin":       errPathDots,
		"/a%2f..":           errPathDots,
		"/a%2f.%2fb":        errPathDots,
		"/a%2f%2e%2e%2fb":   errPathDots,
		"/a%2f..;x%2fb":     errPathDots,
		"/a%5cb":            errPathBackslash,
		"/a%2f%00":          errPathControl,
		"/public%2f../x/..": nil,
	} {
		if _, _, err := CanonicalPath(escaped, true); !errors.Is(err, want) && want != nil {
			t.Errorf("CanonicalPath(%q) = %v, want %v", escaped, err, want)
		}
	}
}

func TestWirePath(t *testing.T) {
	for _, wire := range []string{"/", "/a b|%2F", "/a%2Fb|c", "/%61", "/ć", "//a", "/a%20b", "/*"} {
		for _, prefix := range []string{"", "http://a.com"} {
			if prefix == "" && strings.HasPrefix(wire, "//") {
				continue // the server sees to it
			}
			u, err := url.ParseRequestURI(prefix + wire)
			if err != nil {
				t.Fatal(err)
			}
			if got := WirePath(u); got != wire {
				t.Errorf("WirePath of %q is %q", prefix+wire, got)
			}
		}
	}
}

func TestCanonicalPathAllocatesNothingWhenClean(t *testing.T) {
	for _, escaped := range []string{"/", "/index.html", "/.well-known/acme-challenge/x", "/a/b;c=d/"} {
		if n := testing.AllocsPerRun(100, func() { _, _, _ = CanonicalPath(escaped, false) }); n != 0 {
			t.Errorf("CanonicalPath(%q) allocates %v times", escaped, n)
		}
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "//a/./b/", "/%61", "/%252e%252e", "/..;/x", "/%2e%2E/", "/a%2Fb", "/ć |", "/%ff%25", "/a/%3b/.."} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, escaped string, slash bool) {
		p, forward, err := CanonicalPath(escaped, slash)
		if err != nil {
			if !errors.Is(err, ErrPath) || p != "" || forward != "" {
				t.Fatalf("%q -> %q, %q, %v", escaped, p, forward, err)
			}
			return
		}
		if p2, forward2, err := CanonicalPath(forward, slash); p2 != p || forward2 != forward || err != nil {
			t.Fatalf("%q -> %q, %q -> %q, %q, %v", escaped, p, forward, p2, forward2, err)
		}
		for _, bad := range []string{"//", "/./", "/../", "\\", "\x00", "\n"} {
			if strings.Contains(p+"/", bad) && !(bad == "//" && strings.HasSuffix(p, "/") && !strings.Contains(p, "//")) {
				t.Fatalf("%q -> %q has %q", escaped, p, bad)
			}
		}
		if strings.ContainsAny(forward, " ?#\r\n\\") {
			t.Fatalf("%q -> forward %q", escaped, forward)
		}
		// A backend that decodes once and cleans sees what was matched, and so
		// does one that cleans before it decodes.
		if slash {
			return
		}
		decoded, err := url.PathUnescape(forward)
		want, err2 := url.PathUnescape(p)
		if err != nil || err2 != nil {
			t.Fatalf("%q -> %q, %q: %v, %v", escaped, p, forward, err, err2)
		}
		if strings.HasSuffix(want, "/") && want != "/" {
			want = strings.TrimSuffix(want, "/")
		}
		if got := path.Clean(decoded); got != want {
			t.Fatalf("%q -> %q; a backend makes of %q %q", escaped, p, forward, got)
		}
		cleaned, err := url.PathUnescape(path.Clean(forward))
		if cleaned != want || err != nil {
			t.Fatalf("%q -> %q; a backend makes of %q %q, %v", escaped, p, forward, cleaned, err)
		}
	})
}

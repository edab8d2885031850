package router

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// FuzzTemplate checks that the target decides where a request goes, whatever
// the request says.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a", "a.b", "::1", "me@x", "x/../y", "a%25b", "1:2", "a b", "\r\n", "//e", `\e`, "[1]", "ź", "?#"} {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, host, one, two, query string) {
		p, err := ParsePattern("*/x*x/*")
		if err != nil {
			t.Fatal(err)
		}
		// What the patterns see is canonical; what a regexp cuts from it may be
		// anything, so the captures are as they come.
		m := &Match{Host: host, Path: "/x" + one + "x/" + two, Query: query, captures: []string{host, one, two}}
		m.Forward = string(appendAllowed([]byte("/x/"), strings.TrimLeft(two, "/"), pathByte))
		for _, text := range []string{
			"https://a.com:8443/p/[2]/[3]/q", "https://a.com:8443/[path]", "https://a.com:8443/[2][3]?k=[1]&[query]#[3][path]",
			"https://a.com:8443/[3]?next=[path]", "https://[1].a.com:8443/[2]", "https://[2]-[3].a.com:8443/p", "https://a.com:8443?[3]",
		} {
			target, err := ParseTarget(text, Scope{}.With(p))
			if err != nil {
				t.Fatal(err)
			}
			uri, err := target.RequestURI(m)
			if err == nil && (!strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") || strings.ContainsAny(uri, " \r\n\t#")) {
				t.Fatalf("%q: RequestURI %q", text, uri)
			}
			location, err := target.URL(m)
			if err != nil {
				if !errors.Is(err, ErrCapture) {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			for i := range len(location) {
				if location[i] <= ' ' || location[i] >= 0x7f {
					t.Fatalf("%q: %q", text, location)
				}
			}
			u, err := url.Parse(location)
			if err != nil {
				if target.Query == nil && target.Fragment == nil {
					t.Fatalf("%q: %q: %v", text, location, err)
				}
				continue
			}
			if u.Scheme != "https" || u.Port() != "8443" || u.User != nil ||
				u.Hostname() != "a.com" && !strings.HasSuffix(u.Hostname(), ".a.com") ||
				target.Fragment == nil && u.Fragment != "" || target.Path != nil && hasDotSegment(u.Path) {
				t.Fatalf("%q: %q is %+v", text, location, u)
			}
			if strings.Contains(text, "/p/") && (!strings.HasPrefix(u.Path, "/p/") || !strings.HasSuffix(u.Path, "/q")) {
				t.Fatalf("%q: %q", text, location)
			}
		}
	})
}

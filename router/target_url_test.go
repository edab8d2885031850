package router

import (
	"testing"
)

func TestTargetRequestURI(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"8080", "*", "a.com", "/a%20b?q=1", "/a%20b?q=1"},
		{"8080", "*", "a.com", "/a%20b", "/a%20b"},
		{"8080", "*", "a.com", "/x//y?q=%zz&ć", "/x/y?q=%zz&ć"},
		{"8080", "*", "a.com", "/x?a b", "/x?a%20b"},
		{"8080/", "*", "a.com", "/x?q=1", "/?q=1"},
		{"8080/x", "*", "a.com", "/y", "/x"},
		{"unix:/run/a.sock", "*", "a.com", "/x?q", "/x?q"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/t?q=1", "/abc/t?q=1"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/", "/abc/"},
		{"5050/[1]/[path]", "*.domain.com", "abc.domain.com", "/t%2Fu", "/abc/t%2Fu"},
		{"5050/[1]/[path]", "*?.domain.com", "domain.com", "/t", "/t"},
		{"5050/x/[1]/[path]", "*?.domain.com", "domain.com", "/t", "/x//t"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/x/y%20z;a=%3Db", "/v1/x/y%20z;a==b"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/100%25?x", "/v1/100%25?x"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/%252e%252e/x", "/v1/%252e%252e/x"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/a%23b%3Fc%22", "/v1/a%23b%3Fc%22"},
		{"a/v1/[rest]", "/api/*", "a.com", "/api/a%2fb", "/v1/a%2Fb"},
		{"a/[1]e", `/^(.*%2)5.*`, "a.com", "/x%252e", "/x%252e"}, // cut in the middle of %25
		{"a/x?k=v", "*", "a.com", "/y", "/x?k=v"},
		{"a/x?k=v", "*", "a.com", "/y?q=1", "/x?k=v&q=1"},
		{"a?k=v", "*", "a.com", "/y?q=1", "/y?k=v&q=1"},
		{"a/x?[query]&k=v", "*", "a.com", "/y?q=1", "/x?q=1&k=v"},
		{"a/x?k=[rest]", "/*", "a.com", "/a&b=c%25/%C4%87+", "/x?k=a%26b%3Dc%25%2F%C4%87%2B"},
		{"a/x?u=[path]", "/*", "a.com", "/a%20b?q=1&r", "/x?u=a%2520b%3Fq%3D1%26r"},
		{"a/[1]", "*", "[::1]", "/", "/%5B::1%5D"},
		// no way up
		{"a/x/[1][2]/y", "/*.a/x*", "a.com", "/..a/x.", refused},
		{"a/x/[1]", "/x*", "a.com", "/x..", refused},
		{"a/x/[1]/y", "/x*", "a.com", "/x.", refused},
		{"a/x/[1];a/y", "/x*", "a.com", "/x..", refused},
		{"a/x/%2e[1]/y", "/x*", "a.com", "/x.", refused},
		{"a/x/[1]", "/x*", "a.com", "/x...", "/x/..."},
		{"a/x/[1]b", "/x*", "a.com", "/x..", "/x/..b"},
		// a single pass
		{"a/[1]/[2]", "/*/*", "a.com", "/[2]/b", "/%5B2%5D/b"},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.RequestURI(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
}

func TestTargetURL(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"https://[1]/[path]", "*", "a.com:80", "/x/y?q=1", "https://a.com/x/y?q=1"},
		{"https://[1]/[path]", "*", "[::1]:80", "/", "https://[::1]/"},
		{"https://[1]/[path]", "*", "", "/", refused},
		{"https://[host]:8443/[path]", "*", "[::1]:80", "/", "https://[::1]:8443/"},
		{"https://b.com", "*", "a.com", "/x?q=1", "https://b.com"},
		{"https://b.com/", "*", "a.com", "/x?q=1", "https://b.com/"},
		{"https://b.com/new", "*", "a.com", "/x?q=1", "https://b.com/new"},
		{"https://b.com/new?k=v", "*", "a.com", "/x?q=1", "https://b.com/new?k=v"},
		{"https://b.com/[path]?k=v", "*", "a.com", "/x?q=1", "https://b.com/x?k=v&q=1"},
		{"https://b.com/[path]?[query]", "*", "a.com", "/x?q=1", "https://b.com/x?q=1"},
		{"https://b.com/n?[query]", "*", "a.com", "/x?q=1", "https://b.com/n?q=1"},
		{"https://b.com/login?next=/[path]", "*", "a.com", "/x?q=1&r=2", "https://b.com/login?next=/x%3Fq%3D1%26r%3D2"},
		{"https://b.com/#/[path]", "*", "a.com", "/x?q=1", "https://b.com/#/x?q=1"},
		{"https://b.com/#[rest]", "/*", "a.com", "/x/y%20%22", "https://b.com/#x/y%20%22"},
		{"b.com:8080/[path]", "*", "a.com", "/x", "http://b.com:8080/x"},
		{"8443/[path]", "*", "a.com:8080", "/x", "http://a.com:8443/x"},
		{"8443/[path]", "*", "[::1]:8080", "/x", "http://[::1]:8443/x"},
		{"8443/[path]", "*", "", "/x", refused},
		{"[1]:[2]/", "/*/*", "a.com", "/::1/22", "http://[::1]:22/"},
		// never another host
		{"/[path]", "*", "a.com", "//evil.com", "/evil.com"},
		{"/[path]", "*", "a.com", "/evil.com", "/evil.com"},
		{"/[1]/[path]", "*?.a.com", "a.com", "/evil.com", "/evil.com"},
		{"/[1][2]/[path]", "/*/*", "a.com", "/x", "/x/x"},
		{"/[rest]/evil.com", "/*", "a.com", "/", "/evil.com"},
		{"/new/[rest]", "/old/*", "a.com", "/old/x?q=1", "/new/x"},
		// a clean Location
		{"/[path]", "*", "a.com", "/ć\"<?a b\"<>ć#", "/%C4%87\"<?a%20b%22%3C%3E%C4%87%23"},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.URL(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
	target, m := expand(t, "b.com", "*", "a.com", "/")
	m.TLS = true
	if got, err := target.URL(m); got != "https://b.com" || err != nil {
		t.Errorf("with TLS: %q, %v", got, err)
	}
}

func TestTargetURLHasNoControlCharacters(t *testing.T) {
	p := pattern(t, "/*")
	m := &Match{Host: "a.com", Path: "/x\r\ny", Forward: "/x", Query: "a\r\nSet-Cookie: b"}
	if !p.match(m) {
		t.Fatal("no match")
	}
	for text, want := range map[string]string{
		"/[path]":               "/x?a%0D%0ASet-Cookie:%20b",
		"/[rest]?[query]":       "/x%0D%0Ay?a%0D%0ASet-Cookie:%20b",
		"https://b/?[rest]":     "https://b/?x%0D%0Ay",
		"https://b/#[rest]":     "https://b/#x%0D%0Ay",
		"https://[rest]/[path]": refused,
	} {
		target, err := ParseTarget(text, Scope{}.With(p))
		if err != nil {
			t.Fatal(err)
		}
		if got := result(target.URL(m)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTargetAllocations(t *testing.T) {
	for _, c := range []struct {
		target, path string
		most         float64
	}{
		{"8080", "/x/y", 0},
		{"8080/z", "/x/y", 0},
		{"8080", "/x/y?q=1", 1},
		{"[1]:[2]", "/db/22", 1}, // the port's text
	} {
		target, m := expand(t, c.target, "/*/*", "a.com", c.path)
		n := testing.AllocsPerRun(100, func() {
			_, _, _ = target.Address(m)
			_, _ = target.RequestURI(m)
		})
		if n > c.most {
			t.Errorf("%q on %q: %v allocations", c.target, c.path, n)
		}
	}
}

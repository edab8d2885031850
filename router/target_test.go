package router

import (
	"errors"
	"strings"
	"testing"
)

// expand parses text behind pattern, and matches a request with it.
func expand(t *testing.T, text, patternText, header, path string) (*Target, *Match) {
	t.Helper()
	p := pattern(t, patternText)
	target, err := ParseTarget(text, Scope{}.With(p))
	if err != nil {
		t.Fatalf("target %q: %v", text, err)
	}
	m := request(t, header, path)
	if !p.match(m) {
		t.Fatalf("%q does not match %q %q", patternText, header, path)
	}
	return target, m
}

const refused = "refused"

// result makes an error the text "refused", if it is the one it must be.
func result(text string, err error) string {
	switch {
	case err == nil:
		return text
	case errors.Is(err, ErrCapture):
		return refused
	}
	return err.Error()
}

func TestTargetAddress(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		// fixed
		{"8080", "*", "a.com", "/", ":8080"},
		{"08080", "*", "a.com", "/", ":8080"},
		{"10.0.0.5:8080", "*", "a.com", "/", "10.0.0.5:8080"},
		{"App.local:8080/x", "*", "a.com", "/", "app.local:8080"},
		{"źdźbło.pl:80", "*", "a.com", "/", "xn--dbo-iwa1zb.pl:80"},
		{"https://a.com", "*", "b.com", "/", "a.com:"},
		{"[::1]:8080", "*", "a.com", "/", "::1:8080"},
		{"http://[0::1]", "*", "a.com", "/", "::1:"},
		{"/x", "*", "a.com", "/", ":"},
		{"unix:/run/app.sock", "*", "a.com", "/", ":"},
		// from the request
		{"[1]:[2]", "/ssh/*/*", "a.com", "/ssh/db/22", "db:22"},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/DB", "db.lan:22"},
		{"[1].lan:22", "*.a.com", "x.y.a.com", "/", "x.y.lan:22"},
		{"[1]:22", "*", "a.com:8080", "/", "a.com:22"},
		{"[host]:22", "/", "a.com:8080", "/", "a.com:22"},
		{"https://[host]:8443/[path]", "*", "[::1]:80", "/", "::1:8443"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/::1", "::1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[::1]", "::1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/10.0.0.1", "10.0.0.1:22"},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/db.", "db:22"},
		{"a.com:80[1]", "/p/*", "a.com", "/p/80", "a.com:8080"},
		{"[sub]-[2].lan:22", `^(?P<sub>.+)\.a\.com/*`, "x.a.com", "/y", "x-y.lan:22"},
		// what does not fit
		{"[1]:22", "*", "", "/", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a/b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a:80", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/me@a", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%23", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%3Fb", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%252e", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a%20b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[2]", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/a..b", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/ź", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/fe80::1%25eth0", refused},
		{"[1]:22", "/ssh/*", "a.com", "/ssh/[::1", refused},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/::1", refused},
		{"[1].lan:22", "/ssh/x*", "a.com", "/ssh/x.", refused},
		{"[1].lan:22", "/ssh/*", "a.com", "/ssh/a.", refused},
		{"[1][2]:22", "/*/*", "a.com", "/::/1", refused},
		{"a:[1]", "/p/*", "a.com", "/p/0", refused},
		{"a:[1]", "/p/*", "a.com", "/p/022", refused},
		{"a:[1]", "/p/*", "a.com", "/p/65536", refused},
		{"a:[1]", "/p/*", "a.com", "/p/22x", refused},
		{"a:[1]", "/p/*", "a.com", "/p/+22", refused},
		{"a:[1]", "/p/*", "a.com", "/p/", refused},
		{"a:[1]", "/p/*", "a.com", "/p/22%2F", refused},
		{"a:9[1]", "/p/*", "a.com", "/p/9999", refused},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		host, port, err := target.Address(m)
		if got := result(host+":"+port, err); got != c.want {
			t.Errorf("%q on %q %q: %s (%v), want %s", c.target, c.header, c.path, got, err, c.want)
		}
		if err != nil && (host != "" || port != "") {
			t.Errorf("%q on %q %q: %q and %q beside %v", c.target, c.header, c.path, host, port, err)
		}
	}
}

func TestTargetErrorQuotesAtMostAHundredCharacters(t *testing.T) {
	target, m := expand(t, "[1]:22", "/*", "a.com", "/"+strings.Repeat("x!", 1000))
	_, _, err := target.Address(m)
	want := `a part of the request does not fit its place in the target: "` + strings.Repeat("x!", 50) + `" is not a plain host name or IP address`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestTargetStatic(t *testing.T) {
	p := pattern(t, "*.a.com/*")
	for text, want := range map[string]bool{
		"8080": true, "a:80/[path]": true, "https://a/[1]?[query]": true, "unix:/x": true, "/[1]": true,
		"[1]:80": false, "[host]": false, "a:[rest]": false, "https://a.[1]/": false, "unix:/[1]": false,
	} {
		target, err := ParseTarget(text, Scope{}.With(p))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if target.Static() != want || target.FromRequest() == want {
			t.Errorf("%q: Static is %v", text, target.Static())
		}
	}
}

func TestTargetSocket(t *testing.T) {
	for _, c := range []struct{ target, pattern, header, path, want string }{
		{"unix:/run/app.sock", "*", "a.com", "/", "/run/app.sock"},
		{"unix:/run/[1].sock", "*.a.com", "x.y.a.com", "/", "/run/x.y.sock"},
		{"unix:/run/[1]/s", "/*/*", "a.com", "/App_1-b/", "/run/App_1-b/s"},
		{"unix:/run/[1].sock", "/*", "a.com", "/", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a/b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a%20b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/a%25b", refused},
		{"unix:/run/[1].sock", "/*", "a.com", "/~b", refused},
		{"unix:/run/[1]/s", "/x*", "a.com", "/x..", refused},
		{"unix:/run/[1]/s", "/x*", "a.com", "/x.", refused},
		{"unix:/run/.[1]/s", "/x*", "a.com", "/x.", refused},
		{"unix:/run/[1].sock", "*", "[::1]", "/", refused},
	} {
		target, m := expand(t, c.target, c.pattern, c.header, c.path)
		if got := result(target.Socket(m)); got != c.want {
			t.Errorf("%q on %q %q: %s, want %s", c.target, c.header, c.path, got, c.want)
		}
	}
}

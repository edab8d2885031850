package router

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"testing"
)

// tricky is what paths are made of that somebody reads wrongly.
var tricky = []string{
	"/", "//", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", ";", ";x=1", "%3b", "admin", "%61dmin", "%41dmin", "a", "%25", "%252e", "%252f",
	"%00", "\t", "%", "?x", "%3f", "#", "%23", "é", "%c0%ae", "%c0%af", "%ef%bc%8f", "%20", " ", "+", "*", ":", "@", "~", "x",
}

// view is how some program reads the path of a request that it gets. It gives
// "" for a request that it refuses.
type view struct {
	name string
	path func(wire string) string
}

var views = []view{
	{"net/http, cleaned as ServeMux does", func(wire string) string {
		u, err := url.ParseRequestURI(wire)
		if err != nil {
			return ""
		}
		return tidied(u.Path)
	}},
	{"decoded, then cleaned", func(wire string) string {
		decoded, err := url.PathUnescape(withoutQuery(wire))
		if err != nil {
			return ""
		}
		return tidied(decoded)
	}},
	{"cleaned, then decoded", func(wire string) string {
		decoded, _ := url.PathUnescape(tidied(withoutQuery(wire)))
		return decoded
	}},
	{"nginx", nginxPath},
}

func withoutQuery(wire string) string {
	if i := strings.IndexAny(wire, "?#"); i >= 0 {
		return wire[:i]
	}
	return wire
}

// tidied is path.Clean but for a final slash, which it keeps.
func tidied(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// nginxPath is how nginx makes the normalised URI that locations match:
// decoding first, then slashes are merged and dot segments resolved.
func nginxPath(wire string) string {
	decoded, err := url.PathUnescape(withoutQuery(wire))
	if err != nil || strings.Contains(decoded, "\x00") || !strings.HasPrefix(decoded, "/") {
		return ""
	}
	var kept []string
	folder := false
	for part := range strings.SplitSeq(decoded[1:], "/") {
		folder = true
		switch part {
		case "", ".":
		case "..":
			if len(kept) == 0 {
				return "" // 400: above the root
			}
			kept = kept[:len(kept)-1]
		default:
			kept, folder = append(kept, part), false
		}
	}
	whole := "/" + strings.Join(kept, "/")
	if folder && whole != "/" {
		whole += "/"
	}
	return whole
}

// FuzzPathViews holds that what is matched is what whoever gets the forwarded
// path sees: no spelling leads around a rule for /admin/*, which /admin itself
// belongs to.
func FuzzPathViews(f *testing.F) {
	for _, seed := range [][]byte{{0, 13}, {0, 14, 0, 36}, {0, 36, 1, 3, 0, 13, 0}, {0, 5, 4, 0, 13, 0, 1, 36}, {0, 18, 18, 0, 13}, {0, 36, 7, 3, 7, 13, 0}, {0, 13, 10, 0, 3, 11}} {
		f.Add(seed)
	}
	protected, err := ParsePattern("*/admin/*")
	if err != nil {
		f.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.NotFoundHandler())
	mux.Handle("/admin/", http.NotFoundHandler())
	f.Fuzz(func(t *testing.T, choice []byte) {
		wire := "/"
		for _, c := range choice {
			wire += tricky[int(c)%len(tricky)]
		}
		m := new(Match)
		if m.Path, m.Forward, err = CanonicalPath(withoutQuery(wire), false); err != nil {
			return
		}
		m.Host = "a.com"
		guarded := protected.match(m)
		want, err := url.PathUnescape(m.Path)
		if err != nil {
			t.Fatalf("%q -> %q: %v", wire, m.Path, err)
		}
		for _, v := range views {
			if got := v.path(m.Forward); got != want {
				t.Errorf("%q is matched as %q and forwarded as %q; %s sees %q", wire, m.Path, m.Forward, v.name, got)
			} else if strings.HasPrefix(got+"/", "/admin/") != guarded {
				t.Errorf("%q: guarded %v, %s sees %q", wire, guarded, v.name, got)
			}
		}
		r := httptest.NewRequest("GET", m.Forward, nil)
		if _, pattern := mux.Handler(r); (pattern == "/admin/") != guarded {
			t.Errorf("%q: guarded %v, a ServeMux takes %q for %q", wire, guarded, m.Forward, pattern)
		}
	})
}

// FuzzHostViews holds that the host that is matched is the one that others read
// in the same field.
func FuzzHostViews(f *testing.F) {
	for _, s := range []string{"a.com", "A.com.:80", "[::1]:8080", "[::FFFF:1.2.3.4]", "127.0.0.1:", "a.com:080", "a_b.com", "a.com@b.com", "a.com:80:80", "[::1%25eth0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		host, port, err := CanonicalHost(header)
		if err != nil || header == "" || strings.ContainsFunc(header, func(r rune) bool { return r >= 0x80 }) {
			return
		}
		u, err := url.Parse("http://" + header + "/")
		if err != nil {
			t.Fatalf("%q -> %q, %q; net/url says %v", header, host, port, err)
		}
		if u.Host != header || u.User != nil || u.Path != "/" {
			t.Fatalf("%q is %+v to net/url", header, u)
		}
		if want := strings.TrimLeft(u.Port(), "0"); port != want {
			t.Errorf("%q: port %q, net/url says %q", header, port, want)
		}
		if inner, ok := strings.CutPrefix(host, "["); ok {
			got, want := netip.MustParseAddr(strings.TrimSuffix(inner, "]")), netip.MustParseAddr(u.Hostname())
			if got != want {
				t.Errorf("%q: %v, net/url says %v", header, got, want)
			}
		} else if want := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."); host != want {
			t.Errorf("%q: %q, net/url says %q", header, host, want)
		}
	})
}

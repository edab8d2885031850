package middleware

import (
	"io"
	"net/http"
	"sort"
	"strings"
	"testing"

	"httpmaster/router"
)

func template(t *testing.T, text string, pattern string) (*router.Template, *router.Pattern) {
	t.Helper()
	p, err := router.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := router.ParseTemplate(text, router.Scope{}.With(p))
	if err != nil {
		t.Fatal(err)
	}
	return tmpl, p
}

// routed serves one rule, and makes host and path canonical as the server does.
func routed(t *testing.T, p *router.Pattern, h router.Handler) string {
	t.Helper()
	table := router.NewTable([]*router.Rule{{Pattern: p, Handler: h}}, router.Scope{}).Handler(text("no rule"))
	return serve(t, handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		var err error
		if m.Path, m.Forward, err = router.CanonicalPath(router.WirePath(r.URL), false); err != nil {
			refuse(w, r, 400, err.Error())
			return
		}
		table.Serve(w, r, m)
	}))
}

// shown answers with what an upstream would see of the header, less what the
// tests' client always sends.
var shown = handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if r.Header.Get("Upgrade") != "" {
		w.Header().Set("Seen", r.Header.Get("X-New"))
		upgrade(w, r, m)
		return
	}
	var lines []string
	for name, values := range r.Header {
		if name != "Connection" {
			lines = append(lines, name+": "+strings.Join(values, " | "))
		}
	}
	sort.Strings(lines)
	io.WriteString(w, r.Host+"; "+strings.Join(lines, "; "))
})

func TestAddHeader(t *testing.T) {
	for _, c := range []struct {
		name, header, value, path string
		sent                      []string
		status                    int
		want                      string
	}{
		{"new", "X-New", "v", "/x/", nil, 200, "a.com; X-New: v"},
		{"any case", "x-nEW", "v", "/x/", nil, 200, "a.com; X-New: v"},
		{"in place of the client's", "X-New", "v", "/x/", []string{"X-New: forged", "x-new: twice"}, 200, "a.com; X-New: v"},
		{"empty", "X-New", "", "/x/", []string{"X-New: forged"}, 200, "a.com; X-New: "},
		{"macros", "X-New", "[1] at [host][[x]", "/x/y/z", nil, 200, "a.com; X-New: y/z at a.com[x]"},
		{"decoded", "X-New", "[rest]", "/x/%C5%BA", nil, 200, "a.com; X-New: ź"},
		{"not taken for a macro", "X-New", "[1]", "/x/[host]", nil, 200, "a.com; X-New: [host]"},
		{"host", "Host", "b.com", "/x/", nil, 200, "b.com; X-Forwarded-Host: a.com"},
		{"host behind a proxy that is trusted", "host", "b.com", "/x/", []string{"X-Forwarded-Host: front.com"}, 200, "b.com; X-Forwarded-Host: front.com"},
		{"host that is none", "Host", "[rest]", "/x/a%20b", nil, 400, "a part of the request does not fit its place in the target\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			value, pattern := template(t, c.value, "a.com/x/*")
			addr := routed(t, pattern, &AddHeader{Name: c.header, Value: value, Refuse: refuse, Next: shown})
			request(t, addr, "GET "+c.path, c.sent...).want(t, c.status, c.want)
		})
	}
}

func TestAddHeaderRefusesControlCharacters(t *testing.T) {
	value, _ := template(t, "[query]", "a.com")
	called := false
	next := handle(func(http.ResponseWriter, *http.Request, *router.Match) { called = true })
	for _, query := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00"} {
		statuses := []int{}
		no := func(_ http.ResponseWriter, _ *http.Request, status int, _ string) {
			statuses = append(statuses, status)
		}
		r, m := &http.Request{Header: http.Header{}}, &router.Match{Query: query}
		(&AddHeader{Name: "X-New", Value: value, Refuse: no, Next: next}).Serve(headerOnce{}, r, m)
		(&AddResponseHeader{Name: "X-New", Value: value, Refuse: no, Next: next}).Serve(headerOnce{}, r, m)
		if called || len(statuses) != 2 || statuses[0] != 400 || statuses[1] != 400 {
			t.Errorf("%q: passed on %v, statuses %v", query, called, statuses)
		}
	}
}

func TestAddHeaderOnUpgrade(t *testing.T) {
	value, pattern := template(t, "v", "a.com/tunnel")
	addr := routed(t, pattern, &AddHeader{Name: "X-New", Value: value, Refuse: refuse, Next: shown})
	a := echo(t, addr, "bytes", "X-New: forged")
	a.want(t, 101, "bytes")
	a.wantHeader(t, "Seen", "v")
}

func TestAddResponseHeader(t *testing.T) {
	upstream := handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		h := w.Header()
		h.Add("X-New", "upstream's")
		h.Add("X-New", "and another")
		h.Add("Set-Cookie", "a=1")
		h.Add("Vary", "Origin")
		switch m.Path {
		case "/x/error":
			refuse(w, r, 500, "broken")
		case "/x/tunnel":
			upgrade(w, r, m)
		case "/x/silent":
		case "/x/flush":
			w.(http.Flusher).Flush()
		default:
			io.WriteString(w, "page")
		}
	})
	value, pattern := template(t, "v [1]", "a.com/x/*")
	add := func(name string, next router.Handler) router.Handler {
		return &AddResponseHeader{Name: name, Value: value, Refuse: refuse, Next: next}
	}
	addr := routed(t, pattern, add("x-new", add("Set-Cookie", add("Vary", upstream))))
	for path, status := range map[string]int{"page": 200, "error": 500, "silent": 200, "flush": 200} {
		t.Run(path, func(t *testing.T) {
			a := request(t, addr, "GET /x/"+path)
			if a.status != status {
				t.Errorf("got %d, want %d", a.status, status)
			}
			a.wantHeader(t, "X-New", "v "+path)
			a.wantHeader(t, "Set-Cookie", "a=1", "v "+path)
			a.wantHeader(t, "Vary", "Origin", "v "+path)
		})
	}
	t.Run("tunnel", func(t *testing.T) {
		_, pattern := template(t, "", "a.com/tunnel")
		value, _ := template(t, "v", "a.com/tunnel")
		addr := routed(t, pattern, &AddResponseHeader{Name: "X-New", Value: value, Refuse: refuse, Next: router.HandlerFunc(upgrade)})
		a := echo(t, addr, "bytes")
		a.want(t, 101, "bytes")
		a.wantHeader(t, "X-New", "v")
	})
}

func TestCheckHeaderName(t *testing.T) {
	for name, want := range map[string]string{
		"X-Frame-Options":   "",
		"host":              "",
		"X_Odd":             "",
		"":                  "the header's name is missing: write Name=Value",
		"A B":               `"A B" cannot be the name of a header`,
		"A:":                `"A:" cannot be the name of a header`,
		"Ä":                 `"Ä" cannot be the name of a header`,
		"content-length":    "the header content-length belongs to the connection and cannot be set",
		"Transfer-Encoding": "the header Transfer-Encoding belongs to the connection and cannot be set",
		"UPGRADE":           "the header UPGRADE belongs to the connection and cannot be set",
		"TE":                "the header TE belongs to the connection and cannot be set",
	} {
		got := ""
		if err := CheckHeaderName(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

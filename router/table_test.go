package router

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// table makes a table of patterns, on lines 1, 2, ...
func table(t testing.TB, outer Scope, patterns ...string) *Table {
	t.Helper()
	var rules []*Rule
	for i, text := range patterns {
		rules = append(rules, &Rule{Pattern: pattern(t, text), Line: i + 1})
	}
	return NewTable(rules, outer)
}

func TestTablePrecedence(t *testing.T) {
	patterns := []string{
		"*",            // 1
		"*.a.com/x",    // 2
		"/x",           // 3
		"a.com/x/*",    // 4
		"a.com/x/y",    // 5: hidden
		"a.com:8443/z", // 6
		"a.com/z",      // 7
		"a.com:9000",   // 8
		"a.com/q",      // 9
		"/p/*",         // 10
		"/p/1",         // 11: hidden
		"[::1]/x",      // 12
		"10.0.0.1",     // 13
	}
	tab := table(t, Scope{}, patterns...)
	for _, c := range []struct {
		header, path string
		line         int
		captures     []string
	}{
		{"a.com", "/x/y", 4, []string{"y"}},
		{"a.com", "/x", 4, []string{""}},
		{"a.com:8443", "/z", 6, nil},
		{"a.com", "/z", 7, nil},
		{"a.com:9000", "/q", 8, nil},
		{"a.com:9000", "/z", 7, nil},
		{"a.com", "/q", 9, nil},
		{"a.com", "/p/1", 10, []string{"1"}}, // no rule of the literal host
		{"a.com", "/other", 1, []string{"a.com"}},
		{"b.a.com", "/x", 3, nil}, // no host before a wildcard host
		{"b.a.com", "/y", 1, []string{"b.a.com"}},
		{"[::1]:80", "/x", 12, nil},
		{"10.0.0.1", "/x", 13, nil},
		{"", "/", 1, []string{""}},
	} {
		m := request(t, c.header, c.path)
		rule := tab.Match(m)
		if rule == nil || rule.Line != c.line || !slices.Equal(m.captures, c.captures) {
			t.Errorf("%q %q: %v, %q; want line %d, %q", c.header, c.path, rule, m.captures, c.line, c.captures)
		}
	}
}

func TestTableLeavesNothingOfFailedMatches(t *testing.T) {
	tab := table(t, Scope{}, "*.a.com/x/*/y", `^(.+)\.a\.com/^/x/(.)(.)`, "*/x/*/z", "*.*.com/*/*/*/last")
	m := request(t, "b.a.com", "/x/abc/d")
	if rule := tab.Match(m); rule != nil || len(m.captures) != 0 || m.Rule != nil {
		t.Errorf("%v matches, captures %q", rule, m.captures)
	}
	m = request(t, "b.a.com", "/x/abc/z")
	if rule := tab.Match(m); rule == nil || rule.Line != 3 || !slices.Equal(m.captures, []string{"b.a.com", "abc"}) {
		t.Errorf("%v, %q", rule, m.captures)
	}
}

func TestTableNested(t *testing.T) {
	outer := pattern(t, "*.a.com/app/*")
	scope := Scope{}.With(outer)
	declines := func(next Handler) Handler {
		return HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *Match) { next.Serve(w, r, m) })
	}
	var got string
	answer := HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *Match) {
		got = fmt.Sprintf("%v %q", m.Rule, m.captures)
	})
	// The chain of the outer rule: a router whose rule declines, then another.
	second := NewTable([]*Rule{
		{Pattern: pattern(t, "/app/*/2"), Handler: answer, Line: 5},
		{Pattern: pattern(t, "/app/*/no"), Handler: answer, Line: 6},
	}, scope).Handler(answer)
	first := NewTable([]*Rule{{Pattern: pattern(t, "*.com/*/*/*"), Handler: declines(second), Line: 2}}, scope).Handler(answer)
	top := NewTable([]*Rule{{Pattern: outer, Handler: first, Line: 1}}, Scope{}).Handler(answer)

	for _, c := range []struct{ header, path, want string }{
		{"x.a.com", "/app/1/2", `line 5 /app/*/2 ["x" "1/2" "1"]`},
		{"x.a.com", "/app/1/3", `line 2 *.com/*/*/* ["x" "1/3"]`}, // the end of the chain
		{"x.b.com", "/app/1/2", `the port's target []`},           // no rule at all
	} {
		got = ""
		m := request(t, c.header, c.path)
		top.Serve(httptest.NewRecorder(), nil, m)
		if got != c.want {
			t.Errorf("%q %q: %s, want %s", c.header, c.path, got, c.want)
		}
	}
}

func TestMatchReset(t *testing.T) {
	tab := table(t, Scope{}, "*.a.com/*/*/*/*/*/*/*/*/*")
	m := request(t, "x.a.com", "/1/2/3/4/5/6/7/8/9")
	if tab.Match(m) == nil || m.Capture(1) != "x" || m.Capture(10) != "9" || m.Capture(11) != "" || m.Capture(0) != "" {
		t.Fatalf("captures %q", m.captures)
	}
	all := m.captures
	m.Reset()
	if m.Host != "" || m.Path != "" || m.Capture(1) != "" || m.Rule != nil {
		t.Errorf("after Reset: %+v", m)
	}
	if all[0] != "" || all[9] != "" {
		t.Errorf("Reset keeps the texts %q alive", all)
	}
	if cap(m.captures) < 10 {
		t.Errorf("Reset gave the storage of %d captures away", len(all))
	}
	new(Match).Reset()
}

func TestRuleString(t *testing.T) {
	r := &Rule{Pattern: pattern(t, "a.com/x"), Line: 12}
	if got, want := r.String(), `line 12 a.com/x`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r = nil
	if got, want := r.String(), "the port's target"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// manyRules makes n rules of every kind, mostly of literal hosts.
func manyRules(t testing.TB, n int) *Table {
	patterns := []string{"myserver.com/services/ssh", "myserver.com/ssh/*/*", "/health", "*.apps.com/x/*", "*"}
	for i := range n - len(patterns) {
		switch i % 2 {
		case 0:
			patterns = append(patterns, fmt.Sprintf("host%d.example.com/x/*", i))
		case 1:
			patterns = append(patterns, fmt.Sprintf("myserver.com/page/%d", i))
		}
	}
	return table(t, Scope{}, patterns...)
}

func TestMatchAllocatesNothing(t *testing.T) {
	tab := manyRules(t, 1000)
	for _, c := range []struct {
		header, path string
		captures     int
	}{
		{"myserver.com", "/ssh/db/22", 2},
		{"x.apps.com", "/x/y", 2},
		{"other.com", "/", 1},
		{"myserver.com", "/services/ssh", 0},
	} {
		m := request(t, c.header, c.path)
		if tab.Match(m) == nil || len(m.captures) != c.captures {
			t.Fatalf("%q %q: %q", c.header, c.path, m.captures)
		}
		if n := testing.AllocsPerRun(100, func() { tab.Match(m) }); n != 0 {
			t.Errorf("%q %q: %v allocations", c.header, c.path, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		tab := manyRules(b, n)
		for _, c := range []struct{ name, header, path string }{
			{"literal", "myserver.com", "/services/ssh"},
			{"two-captures", "myserver.com", "/ssh/db/22"},
			{"wildcard", "x.apps.com", "/x/y"},
			{"star", "other.com", "/"},
		} {
			b.Run(fmt.Sprintf("%s/rules=%d", c.name, n), func(b *testing.B) {
				m := request(b, c.header, c.path)
				b.ReportAllocs()
				for b.Loop() {
					if tab.Match(m) == nil {
						b.Fatal("no match")
					}
				}
			})
		}
	}
}

// BenchmarkRequest is what the server does for each request.
func BenchmarkRequest(b *testing.B) {
	tab := manyRules(b, 1000)
	m := new(Match)
	b.ReportAllocs()
	for b.Loop() {
		m.Reset()
		m.Host, m.Port, _ = CanonicalHost("myserver.com:8443")
		m.Path, m.Forward, _ = CanonicalPath("/ssh/db/22", false)
		if tab.Match(m) == nil {
			b.Fatal("no match")
		}
	}
}

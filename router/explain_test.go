package router

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestExplain(t *testing.T) {
	tab := table(t, Scope{},
		"*",             // 1
		"*.a.com/x",     // 2
		"/only",         // 3
		"a.com:8443/z",  // 4
		"a.com/x/*",     // 5
		"^(b|c).com/y",  // 6
		"other.com",     // 7
		"other.com/x",   // 8
		"*.net:81/q",    // 9
		"a.com:9000",    // 10
		"third.com/x/y", // 11
	)
	type tried struct {
		line   int
		differ Mismatch
		reason string
	}
	for _, c := range []struct {
		name, header, path string
		want               []tried
		others             int
	}{
		{"a literal host first", "a.com", "/x/1", []tried{
			{4, PortDiffers, "the port is 80, the rule wants 8443"},
			{5, "", ""},
		}, 3},
		{"then no host, then wildcards in their order", "a.com", "/", []tried{
			{4, PortDiffers, "the port is 80, the rule wants 8443"},
			{5, PathDiffers, "the path / does not fit /x/*"},
			{10, PortDiffers, "the port is 80, the rule wants 9000"},
			{3, PathDiffers, "the path / does not fit /only"},
			{1, "", ""},
		}, 3},
		{"a host that no rule names", "x.net", "/q", []tried{
			{3, PathDiffers, "the path /q does not fit /only"},
			{1, "", ""},
		}, 6},
		{"no host", "", "/only", []tried{{3, "", ""}}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := request(t, c.header, c.path)
			rule, trials, others := tab.Explain(m)
			var got []tried
			for _, trial := range trials {
				got = append(got, tried{trial.Rule.Line, trial.Differ, trial.Reason})
			}
			if !slices.Equal(got, c.want) || others != c.others {
				t.Errorf("got  %v, %d others\nwant %v, %d others", got, others, c.want, c.others)
			}
			if rule == nil || rule != trials[len(trials)-1].Rule {
				t.Errorf("the rule is %v", rule)
			}
		})
	}
}

func TestExplainWithoutAMatch(t *testing.T) {
	tab := table(t, Scope{}, "*.a.com/x", "^(b|c).com/y", "*.net:81/q", "*.com:82/x")
	m := request(t, "b.com", "/x")
	rule, trials, others := tab.Explain(m)
	var got []string
	for _, trial := range trials {
		got = append(got, string(trial.Differ)+": "+trial.Reason)
	}
	want := []string{
		"host: the host b.com does not fit *.a.com",
		"path: the path /x does not fit /y",
		"host: the host b.com does not fit *.net",
		"port: the port is 80, the rule wants 82",
	}
	if rule != nil || others != 0 || !slices.Equal(got, want) {
		t.Errorf("%v, %d\ngot  %q\nwant %q", rule, others, got, want)
	}
	m = request(t, "", "/x")
	if _, trials, _ := tab.Explain(m); trials[0].Reason != "the request names no host" {
		t.Errorf("without a host: %+v", trials[0])
	}
}

// TestExplainIsWhatMatchDoes makes tables at random: each rule before the one
// that Match finds has a reason, and the captures are those of Match.
func TestExplainIsWhatMatchDoes(t *testing.T) {
	hosts := []string{"", "a.com", "b.com", "*", "*.com", "a.*?", "*?.a.com", "^(a|b).com", "a.com:81", "*:81"}
	paths := []string{"", "/", "/x", "/x/*", "/*/y", "/^/(x|y)", "/x/y"}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	for range 2000 {
		var patterns []string
		for range 1 + random.IntN(8) {
			if text := pick(hosts) + pick(paths); text != "" {
				patterns = append(patterns, text)
			}
		}
		tab := table(t, Scope{}, patterns...)
		header := pick([]string{"", "a.com", "b.com:81", "x.a.com", "a.com:81", "[::1]"})
		path := pick([]string{"/", "/x", "/x/y", "/y", "/z/y"})
		m, n := request(t, header, path), request(t, header, path)
		want := tab.Match(m)
		rule, trials, others := tab.Explain(n)
		if rule != want || !slices.Equal(m.captures, n.captures) {
			t.Fatalf("%q %q of %q: explained as %v %q, matched %v %q", header, path, patterns, rule, n.captures, want, m.captures)
		}
		for i, trial := range trials {
			if last := rule != nil && i == len(trials)-1; (trial.Differ == "") != last || (trial.Reason == "") != last {
				t.Fatalf("%q %q of %q: trial %d is %+v", header, path, patterns, i, trial)
			}
		}
		if rule == nil && len(trials)+others != len(patterns) {
			t.Fatalf("%q %q of %q: %d tried, %d other hosts", header, path, patterns, len(trials), others)
		}
	}
}

func TestPathCaptures(t *testing.T) {
	for text, want := range map[string]int{
		"*": 0, "*.a.com/x": 0, "*.a.com/*": 1, "a.com/*/x*/*": 3, "/^/(a)(b)": 2, "^(a)/x": 0,
	} {
		p := pattern(t, text)
		if got := p.PathCaptures(); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	if p := pattern(t, "a.com/x"); !p.OnePath() {
		t.Error("a.com/x has one path")
	}
	for _, text := range []string{"a.com", "/*", "/^/x"} {
		if p := pattern(t, text); p.OnePath() {
			t.Errorf("%s has more than one path", text)
		}
	}
}

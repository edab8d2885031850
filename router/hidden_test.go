package router

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFindHidden(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		hidden   []Hidden
	}{
		{[]string{"a.com", "b.com", "a.com"}, []Hidden{{2, 0}}},
		{[]string{"a.com/x", "A.com./x"}, []Hidden{{1, 0}}},
		{[]string{"źdźbło.pl", "xn--dbo-iwa1zb.pl/x"}, []Hidden{{1, 0}}},
		{[]string{"a.com/a b", "a.com/a%20b"}, []Hidden{{1, 0}}},
		{[]string{"*", "*.a.com", "a.com", "/x"}, []Hidden{{1, 0}}},
		{[]string{"*", "^a", "*.b/x"}, []Hidden{{1, 0}, {2, 0}}},
		{[]string{"*/x", "*"}, nil},
		{[]string{"/x/*", "/x/y", "/x", "/x/*/z"}, []Hidden{{1, 0}, {2, 0}, {3, 0}}},
		{[]string{"/x/y", "/x/*"}, nil},
		{[]string{"/x/*", "/xy", "/"}, nil},
		{[]string{"/*/y", "/x/y", "/*/z"}, []Hidden{{1, 0}}},
		{[]string{"/x/*/", "/x/a/", "/x/a", "/x/"}, []Hidden{{1, 0}}},
		{[]string{"/img-*", "/img-1-*", "/img-", "/im*"}, []Hidden{{1, 0}}},
		{[]string{"a.com", "a.com/x", "b.com/x"}, []Hidden{{1, 0}}},
		{[]string{"a.com/x", "a.com"}, nil},
		{[]string{"*.a.com", "*.b.a.com", "a.com", "*?.a.com"}, []Hidden{{1, 0}}},
		{[]string{"*?.a.com", "*.a.com", "*.*.a.com", "x-*.a.com"}, []Hidden{{1, 0}, {2, 0}, {3, 0}}},
		{[]string{"*.*.a.com", "*.a.com", "*.x.a.com"}, []Hidden{{2, 0}}},
		{[]string{"a.*?", "a.*", "a.b*", "*.a.*?"}, []Hidden{{1, 0}, {2, 0}}},
		{[]string{"a.*", "a.*?"}, nil},
		{[]string{"*.a.*?", "*.a.*", "*.b.a", "*.b.c"}, []Hidden{{1, 0}, {2, 0}}},
		{[]string{"*", "/*", "*.a.com", "a.com"}, []Hidden{{0, 1}, {2, 1}}}, // the group before goes first
		{[]string{"*.a.com/x", "/x"}, []Hidden{{0, 1}}},
		{[]string{"a.com", "a.com:8443"}, []Hidden{{1, 0}}},
		{[]string{"a.com:8443", "a.com", "a.com:8443/x", "a.com:9/x"}, []Hidden{{2, 0}, {3, 1}}},
		{[]string{"a.com:8443/x", "a.com/x", "a.com:8443/x"}, []Hidden{{2, 0}}},
		{[]string{"*:8080", "*.a.com", "*.a.com:8080", "*"}, []Hidden{{2, 0}}},
		{[]string{"^a.*", "^a.*", "^ab"}, []Hidden{{1, 0}}},
		{[]string{"/^a.*", "/^a.*", "/ab"}, []Hidden{{1, 0}}},
		{[]string{"/*", "/^a.*"}, []Hidden{{1, 0}}},
	} {
		var patterns []*Pattern
		for _, text := range c.patterns {
			patterns = append(patterns, pattern(t, text))
		}
		if got := FindHidden(patterns); !slices.Equal(got, c.hidden) {
			t.Errorf("%q: %v, want %v", c.patterns, got, c.hidden)
		}
	}
}

// TestFindHiddenIsNeverWrong sends requests to random tables of rules that
// overlap a lot: a rule that is said to be hidden must never win, and whatever
// it matches the other must match.
func TestFindHiddenIsNeverWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	name := func(parts int, sep string, from ...string) string {
		list := make([]string, 1+random.IntN(parts))
		for i := range list {
			list[i] = pick(from...)
		}
		return strings.Join(list, sep)
	}
	hosts := func() string {
		return pick("", "*", "*?.", "*.") + name(3, ".", "a", "b", "aa", "a*", "*a", "*") + pick("", "", ".*?") + pick("", "", ":1")
	}
	found := 0
	for range 1000 {
		var patterns []*Pattern
		var rules []*Rule
		for len(patterns) < 12 {
			text := pick(hosts(), hosts(), "") + pick("", "/", "/*", "/"+name(3, "/", "a", "aa", "a*", "*")+pick("", "/", "/*"))
			p, err := ParsePattern(text)
			if err != nil {
				continue
			}
			patterns = append(patterns, p)
			rules = append(rules, &Rule{Pattern: p, Line: len(rules)})
		}
		table := NewTable(rules, Scope{})
		hidden := FindHidden(patterns)
		found += len(hidden)
		for range 50 {
			m := request(t, name(4, ".", "a", "b", "aa", "ab")+pick("", ":1"), "/"+name(4, "/", "a", "aa", "ab", "")+pick("", "/"))
			won := table.Match(m)
			for _, h := range hidden {
				if won == rules[h.Rule] {
					t.Fatalf("%v wins for %q %q, though hidden by %v", won, m.Host, m.Path, rules[h.By])
				}
				if patterns[h.Rule].match(m) && !patterns[h.By].match(m) {
					t.Fatalf("%q %q matches %q, but not %q", m.Host, m.Path, patterns[h.Rule], patterns[h.By])
				}
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d hidden rules were tried", found)
	}
}

func BenchmarkFindHidden(b *testing.B) {
	for _, c := range []struct{ name, format string }{
		{"hosts", "h%d.com/x/*"}, {"paths", "/x/%d"}, {"wildcards", "*.h%d.com"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var patterns []*Pattern
			for i := range 10000 {
				patterns = append(patterns, pattern(b, fmt.Sprintf(c.format, i)))
			}
			for b.Loop() {
				FindHidden(patterns)
			}
		})
	}
}

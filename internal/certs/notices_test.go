package certs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExpiryNotices(t *testing.T) {
	a := newAuthority(t, "one")
	cert := func(from, days int) *pair {
		return a.sub.issue(t, template{names: []string{"a.test", "b.test"}, from: from, days: days})
	}
	for _, tt := range []struct {
		name string
		cert *pair
		more []*pair
		left string // "" for no notice
	}{
		{"three weeks left", cert(-69, 21), nil, ""},
		{"two weeks left", cert(-77, 13), nil, "12 days"},
		{"a day left", cert(-88, 2), nil, "1 day"},
		{"hours left", cert(-89, 1), nil, "less than a day"},
		{"renewed", cert(-77, 13), []*pair{cert(-1, 89)}, ""},
		{"renewed by a wildcard and another", cert(-77, 13), []*pair{a.leaf(t, "*.test")}, ""},
		{"renewed in part", cert(-77, 13), []*pair{a.leaf(t, "a.test")}, "12 days"},
		{"two old ones", cert(-77, 13), []*pair{a.sub.issue(t, template{names: []string{"c.test"}})}, "12 days"},
		{"lives for six days, three left", cert(-3, 3), nil, ""},
		{"lives for six days, one left", cert(-5, 1), nil, "less than a day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "c.pem", certPEM(tt.cert)+keyPEM(tt.cert), "chain.pem", certPEM(a.sub, a.root))
			for i, p := range tt.more {
				write(t, dir, fmt.Sprint("more", i), certPEM(p)+keyPEM(p))
			}
			var want []string
			if tt.left != "" {
				want = []string{"c.pem: certificate for a.test, b.test: expires on " + day(tt.cert.cert.NotAfter) + ", in " + tt.left + ", and has not been renewed"}
			}
			if got := noticeLines(scanned(t, dir)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Nobody watches: the log says it once a day, however often the folder is read.
func TestExpiryIsLoggedOnceADay(t *testing.T) {
	a := newAuthority(t, "one")
	hand := t.TempDir()
	p := a.sub.issue(t, template{names: []string{"a.test"}, days: 30, from: -60})
	write(t, hand, "a.pem", certPEM(p, a.sub, a.root)+keyPEM(p))
	file := filepath.Join(hand, "a.pem")
	for name, options := range map[string]Options{
		"folder": {Dir: hand},
		"pair":   {Pairs: []Pair{{Cert: file, Key: file}}},
	} {
		t.Run(name, func(t *testing.T) {
			clock, log := new(clock), new(lines)
			options.Log, options.Now = log.logger(), clock.now
			s := newStore(t, options)
			const step = 6 * time.Hour
			for range 15 * dayLong / step { // until 15 days are left
				clock.pass(step)
				s.Rescan()
			}
			wantLines(t, log)
			for day := range 14 {
				got := 0
				for range dayLong / step {
					clock.pass(step)
					s.Rescan()
					for _, line := range log.take() {
						if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "has not been renewed") {
							t.Errorf("log: %s", line)
						}
						got++
					}
				}
				if got != 1 {
					t.Errorf("day %d: %d lines", day, got)
				}
			}
		})
	}
}

// Of certificates for the same name that which is valid longest is served, for
// each kind of key.
func TestServes(t *testing.T) {
	a := newAuthority(t, "one")
	issue := func(days int, names ...string) *pair { return a.sub.issue(t, template{names: names, days: days}) }
	dir := t.TempDir()
	for i, p := range []*pair{
		issue(40, "a.test", "b.test"),
		issue(50, "b.test", "*.c.test"),
		issue(30, "*.c.test"),
		a.sub.issue(t, template{names: []string{"a.test"}, days: 20, key: rsaKey()}),
		a.sub.issue(t, template{ips: []string{"192.0.2.1"}}),
	} {
		write(t, dir, fmt.Sprint(i), certPEM(p)+keyPEM(p))
	}
	keyless := issue(80, "a.test")
	write(t, dir, "z", certPEM(keyless))
	var got []string
	for _, c := range scanned(t, dir).Certificates {
		got = append(got, strings.Join(c.Serves, " "))
	}
	if want := []string{"a.test", "b.test *.c.test", "", "a.test", "192.0.2.1", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

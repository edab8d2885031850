package certs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// aboutKept says which certificates are served although the folder no longer
// holds them.
func aboutKept(kept []*Certificate) []Notice {
	var notices []Notice
	for _, c := range kept {
		notices = append(notices, Notice{
			File: c.Files[0],
			Text: fmt.Sprintf("certificate for %s: the one read before is still served, until %s", c.Title(), day(c.Leaf.NotAfter)),
		})
	}
	return notices
}

func aboutPairs(pairs []*Certificate, now time.Time) []Notice {
	var notices []Notice
	for _, c := range pairs {
		if text := problem(c, true, now); text != "" {
			notices = append(notices, Notice{File: c.Files[0], Text: fmt.Sprintf("certificate for %s: %s, but served, because the config names it", c.Title(), text)})
		} else if !now.Before(c.warnAt()) {
			notices = append(notices, Notice{File: c.Files[0], Text: expiryText(c, now)})
		}
		if exposed(c.KeyFiles[0]) {
			notices = append(notices, Notice{File: c.KeyFiles[0], Text: textExposed})
		}
	}
	return notices
}

// aboutFaults says which pairs could not be read again.
func aboutFaults(faults []*PairError) []Notice {
	var notices []Notice
	for _, fault := range faults {
		notices = append(notices, Notice{File: fault.File, Text: fault.Text + "; the certificate read before is still served"})
	}
	return notices
}

// aboutAll says what is wrong with the port's certificates as a whole.
func (s *Store) aboutAll(x *index) []Notice {
	if len(x.certs) == 0 {
		if s.local != nil || s.acme != nil {
			return nil
		}
		return []Notice{{File: s.dir, Text: "no certificate that can be used: every TLS handshake fails until there is one"}}
	}
	if lists := x.named(s.primary); s.primary != "" && s.local == nil && s.acme == nil && len(slices.Concat(lists[:]...)) == 0 {
		return []Notice{{Text: fmt.Sprintf("no certificate for primaryDomain %q: clients that name no host get the one for %s", s.primary, x.fallback[0].Title())}}
	}
	return nil
}

// tellChanges logs which certificates came and went since the last time.
func (s *Store) tellChanges() {
	w := &s.watch
	certs := s.current.Load().certs
	before, after := byContent(w.told), byContent(certs)
	for _, c := range certs {
		if before[string(c.Leaf.Raw)] == nil {
			s.tellChange("certificate loaded", c)
		}
	}
	for _, c := range w.told {
		if after[string(c.Leaf.Raw)] == nil {
			s.tellChange("certificate no longer served", c)
		}
	}
	w.told = certs
}

func (s *Store) tellChange(what string, c *Certificate) {
	s.log.Info(what, "names", c.Title(), "file", c.Files[0], "expires", day(c.Leaf.NotAfter))
}

func byContent(list []*Certificate) map[string]*Certificate {
	m := make(map[string]*Certificate, len(list))
	for _, c := range list {
		m[string(c.Leaf.Raw)] = c
	}
	return m
}

// tellNotices logs the notices that were not there the last time.
func (s *Store) tellNotices(notices []Notice) {
	told := make(map[Notice]bool)
	for _, n := range s.watch.notices {
		told[n] = true
	}
	for _, n := range notices {
		if told[n] {
			continue
		}
		told[n] = true
		level := slog.LevelWarn
		if n.Minor {
			level = slog.LevelInfo
		}
		var where []any
		if n.File != "" {
			where = []any{"file", n.File}
		}
		s.log.Log(context.Background(), level, n.Text, where...)
	}
	s.watch.notices = notices
}

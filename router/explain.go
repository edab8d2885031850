package router

import (
	"fmt"
	"slices"
	"strings"
)

// Mismatch says what of a pattern did not fit a request.
type Mismatch string

// The first of these that is so is the one that is told.
const (
	HostDiffers Mismatch = "host"
	PortDiffers Mismatch = "port"
	PathDiffers Mismatch = "path"
)

// Trial is one rule that was tried for a request, and how that went.
type Trial struct {
	Rule   *Rule
	Differ Mismatch // "" for the rule that matches
	Reason string   // for people, "" for the rule that matches
}

// Explain does what Match does, and tells about it. Tried are the rules in the
// order in which they come, up to the one that matches; those for another
// literal host are only counted, as otherHosts. It is for people to look at: it
// takes its time and memory.
func (t *Table) Explain(m *Match) (rule *Rule, tried []Trial, otherHosts int) {
	own := t.literal[m.Host]
	for _, g := range t.literal {
		if g != own {
			otherHosts += g.size
		}
	}
	rule = t.Match(m)
	var order []*Rule
	if own != nil {
		order = own.rules()
	}
	order = slices.Concat(order, t.hostless.rules(), t.wild)
	scratch := Match{Host: m.Host, Port: m.Port, Path: m.Path, TLS: m.TLS}
	for _, r := range order {
		if r == rule {
			return rule, append(tried, Trial{Rule: r}), otherHosts
		}
		differ, reason := r.Pattern.mismatch(&scratch)
		tried = append(tried, Trial{r, differ, reason})
	}
	return nil, tried, otherHosts
}

// OuterCaptures says how many captures the routers around t have.
func (t *Table) OuterCaptures() int { return t.outer }

// rules gives the rules of g in the order of the file.
func (g *group) rules() []*Rule {
	places := slices.Clone(g.other)
	for _, list := range g.exact {
		places = append(places, list...)
	}
	slices.SortFunc(places, func(a, b place) int { return a.index - b.index })
	rules := make([]*Rule, len(places))
	for i, at := range places {
		rules[i] = at.rule
	}
	return rules
}

// mismatch says why p, which does not match m, does not. It leaves captures
// in m that mean nothing.
func (p *Pattern) mismatch(m *Match) (differ Mismatch, reason string) {
	anyPort := p.host
	anyPort.port = ""
	host, path, hasPath := p.text, "", false
	if end := hostEnd(p.text); end < len(p.text) {
		host, path, hasPath = p.text[:end], p.text[end:], true
	}
	switch {
	case !anyPort.match(m):
		name := m.Host
		if name == "" {
			return HostDiffers, "the request names no host"
		}
		return HostDiffers, fmt.Sprintf("the host %s does not fit %s", name, strings.TrimSuffix(host, ":"+p.host.port))
	case !p.host.match(m):
		return PortDiffers, fmt.Sprintf("the port is %s, the rule wants %s", effectivePort(m), p.host.port)
	case hasPath && !p.path.match(m):
		return PathDiffers, fmt.Sprintf("the path %s does not fit %s", m.Path, path)
	}
	return "", ""
}

// CaptureNames gives the names of p's captures in their order, "" for one
// without a name.
func (p *Pattern) CaptureNames() []string { return slices.Clone(p.names) }

// OnePath reports whether p matches one path only.
func (p *Pattern) OnePath() bool { return p.path.kind == pathExact }

// PathCaptures says how many of p's captures are of its path, the last ones.
func (p *Pattern) PathCaptures() int {
	n := 0
	for _, w := range p.path.segments {
		if w.star {
			n++
		}
	}
	switch {
	case p.path.re != nil:
		return p.path.re.NumSubexp()
	case p.path.below:
		return n + 1
	}
	return n
}

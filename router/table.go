package router

import (
	"fmt"
	"net/http"
)

// Rule is one line of a router: what it matches, and what answers then.
type Rule struct {
	Pattern *Pattern
	Handler Handler
	Line    int // of the file
	Number  int // for those who keep something for each rule; of no meaning here
}

// String names r the way that messages do: line 12 a.com/x. There are no
// quotes in it, as logs put their own around it.
// A nil Rule is a port's single target, which has no pattern.
func (r *Rule) String() string {
	if r == nil {
		return "the port's target"
	}
	return fmt.Sprintf("line %d %s", r.Line, r.Pattern.text)
}

// Table is one router's rules in the order in which they win: those with a
// literal host, then those without a host, then those with a wildcard or
// regexp host; each in the order of the file. It is immutable.
type Table struct {
	outer    int // captures of the routers around
	literal  map[string]*group
	hostless group
	wild     []*Rule
}

// group holds the rules of one literal host, or those without a host.
// Rules that match one path only are found by it, so that many of them cost
// what one does.
type group struct {
	size  int
	exact map[string][]place
	other []place
}

// place is a rule and its place in its group.
type place struct {
	index int
	rule  *Rule
}

// NewTable makes a table of rules in the order of the file. outer is the scope
// that the table stands in: zero, or for a nested router that of the rules
// around it.
func NewTable(rules []*Rule, outer Scope) *Table {
	t := &Table{outer: len(outer.names), literal: make(map[string]*group)}
	for _, r := range rules {
		switch r.Pattern.host.kind {
		case hostLiteral:
			g := t.literal[r.Pattern.host.name]
			if g == nil {
				g = new(group)
				t.literal[r.Pattern.host.name] = g
			}
			g.add(r)
		case hostAny:
			t.hostless.add(r)
		default:
			t.wild = append(t.wild, r)
		}
	}
	return t
}

// Match finds the rule for a request. When there is one, m's captures are
// those of the routers around followed by the rule's; otherwise they are those
// of the routers around. Nothing else of m changes.
func (t *Table) Match(m *Match) *Rule {
	m.truncate(t.outer) // a router that declined may have left some
	if g := t.literal[m.Host]; g != nil {
		if r := g.match(m, t.outer); r != nil {
			return r
		}
	}
	if r := t.hostless.match(m, t.outer); r != nil {
		return r
	}
	for _, r := range t.wild {
		if r.Pattern.match(m) {
			return r
		}
		m.truncate(t.outer)
	}
	return nil
}

// Handler makes t an element of a chain: the rule's handler answers, or next
// when no rule matches.
func (t *Table) Handler(next Handler) *Branch { return &Branch{Table: t, Next: next} }

// Branch is a table as an element of a chain.
type Branch struct {
	Table *Table
	Next  Handler // answers when no rule matches
}

// Serve has the rule that matches answer.
func (b *Branch) Serve(w http.ResponseWriter, r *http.Request, m *Match) {
	rule := b.Table.Match(m)
	if rule == nil {
		b.Next.Serve(w, r, m)
		return
	}
	m.Rule = rule
	rule.Handler.Serve(w, r, m)
}

func (g *group) add(r *Rule) {
	at := place{index: g.size, rule: r}
	g.size++
	if r.Pattern.path.kind != pathExact {
		g.other = append(g.other, at)
		return
	}
	if g.exact == nil {
		g.exact = make(map[string][]place)
	}
	path := r.Pattern.path.exact
	g.exact[path] = append(g.exact[path], at)
}

// match finds the first rule of g that matches; keep is the number of captures
// to keep when a rule does not.
func (g *group) match(m *Match, keep int) *Rule {
	first := place{index: g.size}
	for _, at := range g.exact[m.Path] {
		if at.rule.Pattern.match(m) {
			first = at
			break
		}
	}
	for _, at := range g.other {
		if at.index > first.index {
			break
		}
		if at.rule.Pattern.match(m) {
			return at.rule
		}
		m.truncate(keep)
	}
	return first.rule
}

package router

// Hidden says that the rule at index Rule can never be reached, because the
// one at index By takes every request it would match.
type Hidden struct {
	Rule, By int
}

// FindHidden finds patterns of one router, given in the order of the file,
// that another one always hides, the groups of precedence considered. What it
// finds is so; it does not find everything, as two regexps are compared by
// their text alone and several rules together are not considered. The result
// is in the order of Rule.
func FindHidden(patterns []*Pattern) []Hidden {
	finder := hiddenFinder{patterns: patterns, literal: make(map[string]*candidates)}
	by := make([]int, len(patterns))
	for i, p := range patterns { // the first and the second group
		by[i] = -1
		if p.host.kind <= hostLiteral {
			by[i] = finder.candidates(p).add(finder.patterns, i)
		}
	}
	for i, p := range patterns { // the third, behind all those without a host
		if p.host.kind > hostLiteral {
			by[i] = finder.wild(i)
		}
	}
	var hidden []Hidden
	for i, by := range by {
		if by >= 0 {
			hidden = append(hidden, Hidden{Rule: i, By: by})
		}
	}
	return hidden
}

type hiddenFinder struct {
	patterns []*Pattern
	literal  map[string]*candidates
	hostless candidates
	others   []int // of the third group, so far
}

// candidates are the patterns so far of one literal host, or of those without
// host. The ones with one path are found by it, for there may be thousands.
type candidates struct {
	exact map[[2]string]int // by path and port
	other []int
}

func (f *hiddenFinder) candidates(p *Pattern) *candidates {
	if p.host.kind == hostAny {
		return &f.hostless
	}
	c := f.literal[p.host.name]
	if c == nil {
		c = new(candidates)
		f.literal[p.host.name] = c
	}
	return c
}

// add adds pattern i and gives the first candidate that hides it, or -1.
func (c *candidates) add(patterns []*Pattern, i int) (by int) {
	p := patterns[i]
	by = firstCover(patterns, c.other, p)
	if p.path.kind != pathExact {
		c.other = append(c.other, i)
		return by
	}
	for _, port := range []string{"", p.host.port} {
		if at, ok := c.exact[[2]string{p.path.exact, port}]; ok && (by < 0 || at < by) {
			by = at
		}
	}
	if c.exact == nil {
		c.exact = make(map[[2]string]int)
	}
	key := [2]string{p.path.exact, p.host.port}
	if _, ok := c.exact[key]; !ok {
		c.exact[key] = i
	}
	return by
}

// wild adds pattern i of the third group and gives the first that hides it, or
// -1.
func (f *hiddenFinder) wild(i int) int {
	p := f.patterns[i]
	by := firstCover(f.patterns, f.hostless.other, p)
	if at, ok := f.hostless.exact[[2]string{p.path.exact, ""}]; by < 0 && ok && p.path.kind == pathExact {
		by = at
	}
	if by < 0 {
		by = firstCover(f.patterns, f.others, p)
	}
	f.others = append(f.others, i)
	return by
}

func firstCover(patterns []*Pattern, among []int, p *Pattern) int {
	for _, i := range among {
		q := patterns[i]
		if q.path.covers(&p.path) && q.host.covers(&p.host) {
			return i
		}
	}
	return -1
}

// covers reports whether h surely matches every host and port that o does.
func (h *hostPattern) covers(o *hostPattern) bool {
	if h.port != "" && h.port != o.port {
		return false
	}
	switch h.kind {
	case hostAny, hostStar:
		return true
	case hostLiteral:
		return o.kind == hostLiteral && h.name == o.name
	case hostGlob:
		return o.kind == hostGlob && h.glob.covers(&o.glob)
	}
	return o.kind == hostRegexp && h.re.String() == o.re.String()
}

// covers compares forms without an optional last label: a form of l must cover
// each one of o.
func (l *labels) covers(o *labels) bool {
	if !l.option && !o.option {
		return l.coversForm(o)
	}
	for _, of := range o.forms() {
		covered := false
		for _, lf := range l.forms() {
			covered = covered || lf.coversForm(&of)
		}
		if !covered {
			return false
		}
	}
	return true
}

// forms gives l without its optional label, and with a mandatory one in its
// place.
func (l *labels) forms() []labels {
	without := labels{lead: l.lead, empty: l.empty, fixed: l.fixed}
	if !l.option {
		return []labels{without}
	}
	with := without
	with.fixed = append(l.fixed[:len(l.fixed):len(l.fixed)], wildcard{star: true})
	return []labels{without, with}
}

func (l *labels) coversForm(o *labels) bool {
	extra := len(o.fixed) - len(l.fixed) // labels of o that the leading wildcard must take
	if extra < 0 || !l.lead && (extra > 0 || o.lead) {
		return false
	}
	for i, w := range l.fixed {
		if !w.covers(o.fixed[extra+i]) {
			return false
		}
	}
	return !l.lead || l.empty || extra > 0 || o.lead && !o.empty
}

// covers reports whether p surely matches every path that o does.
func (p *pathPattern) covers(o *pathPattern) bool {
	switch p.kind {
	case pathEvery:
		return true
	case pathExact:
		return o.kind == pathExact && p.exact == o.exact
	case pathRegexp:
		return o.kind == pathRegexp && p.re.String() == o.re.String()
	}
	if p.below && len(p.segments) == 0 {
		return true
	}
	switch o.kind {
	case pathExact:
		return p.matchGlob(o.exact, new(Match))
	case pathGlob:
		return p.coversGlob(o)
	}
	return false
}

func (p *pathPattern) coversGlob(o *pathPattern) bool {
	if len(o.segments) < len(p.segments) {
		return false
	}
	for i, w := range p.segments {
		if !w.covers(o.segments[i]) {
			return false
		}
	}
	return p.below || len(o.segments) == len(p.segments) && !o.below
}

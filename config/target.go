package config

import "gopkg.in/yaml.v3"

// maxDepth bounds targets inside targets.
const maxDepth = 100

// place says where a target stands.
type place struct {
	nested   bool // inside a chain or a rule
	followed bool // something comes behind it that may answer
}

// target reads any form of a target. It is nil when faulty, and the fault is
// reported.
func (l *loader) target(n *yaml.Node, at place) *Target {
	if l.depth == maxDepth {
		l.errorf(n, "targets are nested more than %d deep", maxDepth)
		return nil
	}
	l.depth++
	defer func() { l.depth-- }()

	var t *Target
	switch n.Kind {
	case yaml.MappingNode:
		return l.mapTarget(n, l.pairs(n, "a target"), at)
	case yaml.SequenceNode:
		return l.chain(n, at)
	default:
		t = l.scalarTarget(n)
	}
	l.checkAnswered(t, at)
	return t
}

// scalarTarget reads a port number, an address or a verb with its argument.
func (l *loader) scalarTarget(n *yaml.Node) *Target {
	switch {
	case n.Tag == "!!int" && !isDigits(n.Value),
		n.Tag == "!!bool", n.Tag == "!!float", n.Tag == "!!null":
		l.errorf(n, `a target is a port such as 8080, an address such as "10.0.0.5:8080", or "verb -> argument"`)
		return nil
	}
	t, ok := l.scalarText(n, "a target")
	if !ok {
		return nil
	}
	v := l.verbText(t)
	if v == nil {
		return nil
	}
	return &Target{Pos: position(n), Verb: v}
}

// mapTarget reads {$: verb, ...} or a router.
func (l *loader) mapTarget(n *yaml.Node, pairs []pair, at place) *Target {
	for i, p := range pairs {
		if p.key.Value != "$" {
			continue
		}
		rest := append(append([]pair(nil), pairs[:i]...), pairs[i+1:]...)
		t := l.verbObject(n, p.value, rest)
		l.checkAnswered(t, at)
		return t
	}
	if len(n.Content) == 0 {
		l.errorf(n, `a router without rules answers nothing; write "pattern: target" lines`)
		return nil
	}
	return &Target{Pos: position(n), Router: l.router(n, pairs, at)}
}

// router reads the rules of a router.
func (l *loader) router(n *yaml.Node, pairs []pair, at place) *Router {
	r := &Router{Pos: position(n)}
	for _, p := range pairs {
		pattern, ok := l.scalarText(asText(p.key), "a pattern")
		if !ok {
			continue
		}
		l.checkVerbPattern(p.key, at)
		if isNull(p.value) {
			l.errorf(p.key, "the rule %s has no target%s", quote(pattern.Value), colonHint(p.key))
			continue
		}
		rule := &Rule{Pattern: pattern, Target: l.target(p.value, place{nested: true, followed: at.followed})}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

// asText is n as text whatever it looks like: a host may be called "true".
func asText(n *yaml.Node) *yaml.Node {
	if n.Tag != "!!bool" {
		return n
	}
	t := *n
	t.Tag = "!!str"
	return &t
}

// checkVerbPattern catches verbs that lost their quotes: to YAML a list item
// - auth: file is a map, hence a router, and nobody would be asked for a
// password.
func (l *loader) checkVerbPattern(key *yaml.Node, at place) {
	verb := key.Value
	switch {
	case findVerb(verb) == nil:
	case at.nested:
		l.errorf(key, `%[1]s is a pattern here, not a verb; write "%[2]s -> ..." in quotes, or {$: %[2]s, ...} (a rule for a host of that name is written "%[2]s/*")`, quote(verb), verb)
	default:
		l.warnf(key, `%[1]s is a pattern here, for a host of that name; a verb is written behind a pattern, as in "*": "%[2]s -> ..."`, quote(verb), verb)
	}
}

// chain reads a list of elements.
func (l *loader) chain(n *yaml.Node, at place) *Target {
	items, ok := l.items(n, "a chain")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		l.errorf(n, "a chain without elements answers nothing; write at least a target")
		return nil
	}
	t := &Target{Pos: position(n)}
	answered, warned := false, false
	for i, item := range items {
		if answered && !warned {
			warned = true
			l.warnf(item, "this element of the chain is never reached: one before it answers every request")
		}
		last := i == len(items)-1
		element := l.target(item, place{nested: true, followed: at.followed || !last})
		answered = answered || element.answers()
		t.Chain = append(t.Chain, element)
	}
	return t
}

// checkAnswered refuses a middleware behind which nothing answers.
func (l *loader) checkAnswered(t *Target, at place) {
	if t != nil && t.Verb != nil && !at.followed && roleOf(t.Verb) == passes {
		l.faults.Errorf(t.Pos, `nothing answers behind %q: end the chain with a target, as in ["%s ...", 8080]`, t.Verb.Name(), t.Verb.Name())
	}
}

// answers tells whether no request gets past t.
func (t *Target) answers() bool {
	switch {
	case t == nil:
		return false
	case t.Verb != nil:
		return roleOf(t.Verb) == answers
	}
	for _, element := range t.Chain {
		if element.answers() {
			return true
		}
	}
	return false
}

// verbObject reads {$: verb, key: value, ...}.
func (l *loader) verbObject(n, name *yaml.Node, pairs []pair) *Target {
	t, ok := l.scalarText(name, `"$"`)
	if !ok {
		return nil
	}
	d := findVerb(t.Value)
	if d == nil {
		l.errorf(name, "%s", unknownVerb(t.Value))
		return nil
	}
	before := l.faults.errors
	v := d.object(l, n, pairs)
	if l.faults.errors > before {
		return nil
	}
	return &Target{Pos: position(n), Verb: v}
}

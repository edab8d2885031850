package config

import (
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

// portMap is the top-level ports.
var portMap = kind[[]*Port]{"map of address to port entry", mapOf(addressPattern, ref("port")), func(l *loader, name string, n *yaml.Node, into *[]*Port) {
	pairs := l.pairs(n, name)
	if len(pairs) == 0 && n.Kind == yaml.MappingNode {
		l.errorf(n, `%s is empty; write an address and what is served there, such as 80: 8080`, name)
	}
	for _, p := range pairs {
		port := &Port{Address: l.address(p.key, *into)}
		l.portEntry(p, port)
		*into = append(*into, port)
	}
}}

// portTable is a port entry.
var portTable = table[Port]{
	keys: []key[Port]{
		must(in("router", portTarget, func(p *Port) **Target { return &p.Target },
			"", "rules (pattern: target), or a single target")),
		in("ssl", sslEntry, func(p *Port) **SSL { return &p.SSL },
			"plain HTTP", "TLS and its certificates"),
		in("middleware", middlewareList, func(p *Port) *[]*Target { return &p.Middleware },
			"none", "chain elements that every request of this port passes first"),
		in("errorHtmlFile", file, func(p *Port) *Text { return &p.ErrorHTMLFile },
			"the config's", "page for errors; pictures beside it are put into it"),
		in("agentSettings", agent, func(p *Port) *Agent { return &p.Agent },
			"the config's", "the pool of connections to upstreams"),
		in("proxyTimeout", millis, func(p *Port) *time.Duration { return &p.ProxyTimeout },
			"the config's", "how long a client's connection may be silent during a request"),
		in("proxyTargetTimeout", millis, func(p *Port) *time.Duration { return &p.ProxyTargetTimeout },
			"the config's", "how long an upstream may be silent during a request"),
		in("allowEncodedSlash", boolean, func(p *Port) *bool { return &p.AllowEncodedSlash },
			"false", "let %2F in a path through instead of answering 400"),
		in("keepOddHeaders", boolean, func(p *Port) *bool { return &p.KeepOddHeaders },
			"false", "forward headers whose names have more than letters, digits and hyphens"),
		in("limits", limits, func(p *Port) *Limits { return &p.Limits },
			"the config's", "what connections of clients may be, and how slow"),
		in("ssh", text, func(p *Port) *Text { return &p.SSH },
			"none", "port or address of an SSH server for connections that speak SSH instead of HTTP or TLS"),
	},
	stray: func(name string) string {
		if !isBareWord(name) {
			return `a rule belongs under "router"`
		}
		return ""
	},
}

// portTarget is what a port's "router" says: rules or a single target.
var portTarget = kind[*Target]{"router or target", ref("target"), func(l *loader, _ string, n *yaml.Node, into **Target) {
	*into = l.target(n, place{})
}}

// middlewareList is a list of chain elements in front of routers.
var middlewareList = kind[[]*Target]{"list of chain elements", anyOf(
	schema{"type": "array", "items": ref("target")},
	schema{"type": []string{"string", "integer"}, "$ref": ref("target")["$ref"]},
), func(l *loader, name string, n *yaml.Node, into *[]*Target) {
	items, ok := l.items(n, name)
	if !ok {
		return
	}
	for _, item := range items {
		t := l.target(item, place{nested: true, followed: true})
		if t.answers() {
			l.faults.Warnf(t.Pos, "this element of %s answers every request, so nothing behind it is reached", name)
		}
		*into = append(*into, t)
	}
}}

// portEntry reads what stands behind an address: a map with port keys, or the
// router or target itself.
func (l *loader) portEntry(p pair, port *Port) {
	if isNull(p.value) {
		l.errorf(p.key, "port %s has neither a router nor a target%s", quote(p.key.Value), colonHint(p.key))
		return
	}
	if p.value.Kind != yaml.MappingNode {
		port.Target = l.target(p.value, place{})
		return
	}
	pairs := l.pairs(p.value, "")
	for _, line := range pairs {
		if portTable.find(line.key.Value) != nil {
			portTable.readPairs(l, "port "+quote(p.key.Value), p.value, pairs, port)
			return
		}
	}
	if !l.misspelled(pairs) {
		port.Target = l.mapTarget(p.value, pairs, place{})
	}
}

// misspelled reports port keys with a slip in them. A map that has none of the
// port keys is a router, and "routr" would quietly become a rule for a host of
// that name; so a bare word that is nearly a port key is an error. Patterns
// that say more than a word (a dot, a star, a slash, a digit, ...) are never
// taken for slips.
func (l *loader) misspelled(pairs []pair) bool {
	found := false
	for _, line := range pairs {
		word := line.key.Value
		near := Suggest(word, portTable.names())
		if near == "" || !isBareWord(word) {
			continue
		}
		found = true
		hint := ""
		if line.value.Kind == yaml.ScalarNode { // a router would be a map
			hint = " (a rule for a host of that name is written " + quote(word+"/*") + ")"
		}
		l.errorf(line.key, "unknown key %s, did you mean %q?%s", quote(word), near, hint)
	}
	return found
}

func isBareWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

// colonHint explains the commonest way to a key without a value: in flow maps
// YAML reads "80:8080" as one word.
func colonHint(key *yaml.Node) string {
	if strings.Contains(key.Value, ":") && key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return ` (is a space missing after the ":"?)`
	}
	return ""
}

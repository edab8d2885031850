package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// maxAliased bounds what aliases may add to a file, so that a few nested ones
// cannot grow into more than memory holds.
const maxAliased = 100_000

// checkAliases reports aliases that loop or that grow too large. Decoding into
// nodes does neither.
func (l *loader) checkAliases(root *yaml.Node) bool {
	a := aliases{sizes: make(map[*yaml.Node]int)}
	a.size(root)
	if a.loop != nil {
		l.errorf(a.loop, "*%s is inside of what it stands for; an alias cannot contain itself", a.loop.Value)
		return false
	}
	if a.added > maxAliased {
		l.errorf(a.worst, "the aliases of this file stand for more than %d values; write out fewer", maxAliased)
		return false
	}
	return true
}

type aliases struct {
	sizes map[*yaml.Node]int // of anchored nodes; -1 while being measured
	loop  *yaml.Node
	added int
	worst *yaml.Node
}

// size counts the values below n, those that aliases stand for included.
func (a *aliases) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return a.alias(n)
	}
	if n.Anchor != "" {
		a.sizes[n] = -1
	}
	total := 1
	for _, c := range n.Content {
		total = min(total+a.size(c), maxAliased+1)
	}
	if n.Anchor != "" {
		a.sizes[n] = total
	}
	return total
}

func (a *aliases) alias(n *yaml.Node) int {
	size := a.sizes[n.Alias] // an anchor stands before its aliases
	if size < 0 {
		a.loop = n
		return 1
	}
	a.added = min(a.added+size, maxAliased+1)
	if a.added > maxAliased && a.worst == nil {
		a.worst = n
	}
	return size
}

// follow gives what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// describe names what n is, for messages.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!int", n.Tag == "!!float":
		return "a number"
	}
	return "text"
}

// pair is one line of a map, aliases followed.
type pair struct {
	key, value *yaml.Node
}

// pairs gives the lines of a map in order, merges ("<<") filled in where they
// stand and overridden by the map's own lines. What is no proper map, and keys
// written twice, are reported; what names n in messages.
func (l *loader) pairs(n *yaml.Node, what string) []pair {
	if n.Kind != yaml.MappingNode {
		l.errorf(n, "%s must be a map (key: value), not %s", what, describe(n))
		return nil
	}
	if n.Tag != "!!map" {
		l.errorf(n, "the tag %s has no meaning in a config; remove it", n.Tag)
		return nil
	}
	own := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		k := follow(n.Content[i])
		switch {
		case isMerge(n.Content[i]):
		case k.Kind != yaml.ScalarNode:
			l.errorf(k, "%s stands where a key belongs; a key is text (is a quote or a comma missing?)", describe(k))
		case isNull(k):
			l.errorf(k, `a key is missing before the ":"`)
		case own[k.Value] != nil:
			l.errorf(k, "the key %s is written twice, first on line %d", quote(k.Value), own[k.Value].Line)
		default:
			own[k.Value] = k
		}
	}
	var out []pair
	for i := 0; i < len(n.Content); i += 2 {
		k, v := follow(n.Content[i]), follow(n.Content[i+1])
		if isMerge(n.Content[i]) {
			out = l.merge(out, v, own)
		} else if own[k.Value] == k {
			out = append(out, pair{k, v})
		}
	}
	return out
}

func isMerge(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!merge" }

// merge appends the lines of a "<<" that are not in taken, and adds them to it.
func (l *loader) merge(out []pair, v *yaml.Node, taken map[string]*yaml.Node) []pair {
	switch v.Kind {
	case yaml.SequenceNode:
		for _, c := range v.Content {
			if c = follow(c); c.Kind == yaml.MappingNode {
				out = l.merge(out, c, taken)
				continue
			}
			l.errorf(c, `"<<" takes a map or a list of maps, not a list with %s in it`, describe(c))
		}
	case yaml.MappingNode:
		for _, p := range l.pairs(v, "what is merged") {
			if taken[p.key.Value] == nil {
				taken[p.key.Value] = p.key
				out = append(out, p)
			}
		}
	default:
		l.errorf(v, `"<<" takes a map or a list of maps, not %s`, describe(v))
	}
	return out
}

// items gives the elements of a list; a single value counts as a list of one,
// as it did in http-master.
func (l *loader) items(n *yaml.Node, name string) ([]*yaml.Node, bool) {
	if n.Kind == yaml.SequenceNode {
		if n.Tag != "!!seq" {
			l.errorf(n, "the tag %s has no meaning in a config; remove it", n.Tag)
			return nil, false
		}
		items := make([]*yaml.Node, len(n.Content))
		for i, c := range n.Content {
			items[i] = follow(c)
		}
		return items, true
	}
	if n.Kind == yaml.MappingNode {
		l.errorf(n, "%s must be a list, not a map", name)
		return nil, false
	}
	return []*yaml.Node{n}, true
}

// scalarText gives a single value as text. Numbers are taken as written; true,
// false and nothing are not text.
func (l *loader) scalarText(n *yaml.Node, what string) (Text, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		l.errorf(n, "%s must be text, not %s", what, describe(n))
	case n.Tag == "!!null":
		l.errorf(n, "%s has no value", what)
	case n.Tag == "!!bool":
		l.errorf(n, "%s must be text; if %q is meant, put it in quotes", what, n.Value)
	case n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float" && n.Tag != "!!timestamp":
		l.errorf(n, "the tag %s has no meaning in a config; remove it", n.Tag)
	case strings.TrimSpace(n.Value) == "":
		l.errorf(n, "%s is empty", what)
	case strings.ContainsFunc(n.Value, isControl):
		l.errorf(n, "%s has a line break or another control character in it", what)
	default:
		return l.src.text(n), true
	}
	return Text{}, false
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }

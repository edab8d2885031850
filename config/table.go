package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// table describes an object of the language: what may stand in it and where
// each value goes in a T.
type table[T any] struct {
	keys []key[T]
	// stray gives a hint for an unknown key that is near no known one, or "".
	// It may be nil.
	stray func(name string) string
	// check looks at a T as a whole, once each of its keys was found right, and
	// fills in defaults that depend on others. It may be nil.
	check func(l *loader, what string, n *yaml.Node, into *T)
	// rules is what check wants, as far as a schema can say it.
	rules []schema
}

// key is one line of a table.
type key[T any] struct {
	name     string
	kind     string // what is written there, with its unit
	def      string // what holds when the key is absent
	doc      string
	required bool
	schema   schema // of the value
	read     func(l *loader, into *T, k, v *yaml.Node)
}

// kind is how values of one Go type are written.
type kind[F any] struct {
	name   string
	schema schema
	read   func(l *loader, name string, n *yaml.Node, into *F)
}

// in makes a line whose value is of kind k and goes where at points.
func in[T, F any](name string, k kind[F], at func(*T) *F, def, doc string) key[T] {
	return key[T]{name: name, kind: k.name, def: def, doc: doc, schema: k.schema,
		read: func(l *loader, into *T, key, n *yaml.Node) {
			if isNull(n) {
				l.errorf(key, "%s has no value; give it one or remove the line", quote(name))
				return
			}
			k.read(l, quote(name), n, at(into))
		}}
}

// must is a line that cannot be left out.
func must[T any](k key[T]) key[T] {
	k.required = true
	k.def = "required"
	return k
}

// ignored is a key of http-master's that is accepted and does nothing, for the
// reason why.
func ignored[T any](name, why string) key[T] {
	return key[T]{name: name, kind: "ignored", doc: why,
		read: func(l *loader, _ *T, key, _ *yaml.Node) {
			l.warnf(key, "%s has no effect: %s", quote(name), why)
		}}
}

// refused is a key of http-master's whose meaning would be lost silently if it
// were ignored; instead tells what to write.
func refused[T any](name, instead string) key[T] {
	return key[T]{name: name, kind: "refused", doc: instead,
		read: func(l *loader, _ *T, key, _ *yaml.Node) {
			l.errorf(key, "%s is not supported: %s", quote(name), instead)
		}}
}

// read fills into from the map n, which what names in messages.
func (t *table[T]) read(l *loader, what string, n *yaml.Node, into *T) {
	t.readPairs(l, what, n, l.pairs(n, what), into)
}

func (t *table[T]) readPairs(l *loader, what string, n *yaml.Node, pairs []pair, into *T) {
	before := l.faults.errors
	complete := n.Kind == yaml.MappingNode
	seen := make(map[string]bool)
	for _, p := range pairs {
		k := t.find(p.key.Value)
		if k == nil {
			l.errorf(p.key, "%s", t.unknown(p.key.Value))
			complete = false // it may have been meant for a required one
			continue
		}
		seen[k.name] = true
		k.read(l, into, p.key, p.value)
	}
	for _, k := range t.keys {
		if k.required && complete && !seen[k.name] {
			l.errorf(n, "%s needs %q: %s", what, k.name, k.doc)
		}
	}
	if t.check != nil && l.faults.errors == before {
		t.check(l, what, n, into)
	}
}

func (t *table[T]) find(name string) *key[T] {
	for i := range t.keys {
		if t.keys[i].name == name {
			return &t.keys[i]
		}
	}
	return nil
}

// names gives the keys that mean something.
func (t *table[T]) names() []string {
	var names []string
	for _, k := range t.keys {
		if k.kind != "ignored" && k.kind != "refused" {
			names = append(names, k.name)
		}
	}
	return names
}

func (t *table[T]) unknown(name string) string {
	message := "unknown key " + quote(name)
	if near := Suggest(name, t.names()); near != "" {
		return message + ", did you mean " + quote(near) + "?"
	}
	if t.stray != nil {
		if hint := t.stray(name); hint != "" {
			return message + "; " + hint
		}
	}
	if len(t.keys) == 0 {
		return message + "; there is nothing to set here"
	}
	return message + "; known here: " + strings.Join(t.names(), ", ")
}

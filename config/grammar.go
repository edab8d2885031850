package config

import (
	"regexp"
	"strings"
)

// A target's text is "verb -> argument", "verb: argument", a verb that needs
// no argument, or else the address of an upstream. A verb may have one word
// behind it: "redirect 301 -> argument".
var (
	arrowForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)?(?:\s+(\S+))?\s*->(.*)$`)
	colonForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)(?:\s+(\S+))?:(\s.*)?$`)
	// gluedForm has no space behind the colon, as "redirect:https://a.com". What
	// could be a port makes it an address: "static:8080" is a host called static.
	gluedForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*):([^\s\d\[].*)$`)
	wordForm  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*)(\s+\S.*)?$`)
)

// verbText reads the text of a target. It is nil when faulty, and the fault is
// reported.
func (l *loader) verbText(t Text) Verb {
	t = t.trim()
	if m := arrowForm.FindStringSubmatchIndex(t.Value); m != nil {
		return l.verb(t, part(t, m, 1), part(t, m, 2), part(t, m, 3))
	}
	// "localhost:" and the like are left to whoever parses addresses.
	if m := colonForm.FindStringSubmatchIndex(t.Value); m != nil && (m[6] >= 0 || findVerb(part(t, m, 1).Value) != nil) {
		return l.verb(t, part(t, m, 1), part(t, m, 2), part(t, m, 3))
	}
	if m := gluedForm.FindStringSubmatchIndex(t.Value); m != nil && findVerb(part(t, m, 1).Value) != nil {
		return l.verb(t, part(t, m, 1), Text{}, part(t, m, 2))
	}
	if m := wordForm.FindStringSubmatchIndex(t.Value); m != nil {
		word := part(t, m, 1).Value
		switch d := findVerb(word); {
		case d != nil && m[4] < 0:
			return l.bareVerb(t, d)
		case d != nil:
			l.faults.Errorf(t.Pos, `a "->" is missing: write "%s -> ..."`, word)
			return nil
		case m[4] >= 0 && Suggest(word, verbNames()) != "":
			l.faults.Errorf(t.Pos, "%s", unknownVerb(word))
			return nil
		}
	}
	return &Proxy{Target: t}
}

// part is a group of a match in t, without the white space around it.
func part(t Text, match []int, group int) Text {
	start, end := match[2*group], match[2*group+1]
	if start < 0 {
		return Text{}
	}
	p := t.from(start)
	p.Value = p.Value[:end-start]
	return p.trim()
}

func (l *loader) bareVerb(t Text, d *verb) Verb {
	if !d.optional {
		l.faults.Errorf(t.Pos, `%[1]s needs %[2]s: write "%[1]s -> ..." (an upstream of that name is written "http://%[1]s")`, d.name, d.argument)
		return nil
	}
	return l.verb(t, t, Text{}, Text{})
}

// verb makes a verb of its short form. whole is the text that name, word and
// arg are parts of.
func (l *loader) verb(whole, name, word, arg Text) Verb {
	d := findVerb(name.Value)
	switch {
	case name.Value == "":
		l.faults.Errorf(whole.Pos, `the verb before "->" is missing`)
		return nil
	case d == nil:
		l.faults.Errorf(whole.Pos, "%s", unknownVerb(name.Value))
		return nil
	case arg.Value == "" && !d.optional:
		l.faults.Errorf(whole.Pos, `%[1]s needs %[2]s: write "%[1]s -> ..."`, d.name, d.argument)
		return nil
	case word.Value != "" && !d.word:
		l.faults.Errorf(word.Pos, `nothing can stand between %q and its argument; write "%s -> ..."`, d.name, d.name)
		return nil
	}
	before := l.faults.errors
	v := d.short(l, whole, word, arg)
	if l.faults.errors > before {
		return nil
	}
	return v
}

func unknownVerb(word string) string {
	message := "unknown verb " + quote(word)
	if near := Suggest(word, verbNames()); near != "" {
		return message + ", did you mean " + quote(near) + "?"
	}
	return message + "; known are: " + strings.Join(verbNames(), ", ")
}

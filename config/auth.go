package config

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

var authTable = table[Auth]{keys: []key[Auth]{
	must(in("file", file, func(v *Auth) *Text { return &v.File },
		"", "htpasswd file")),
	in("realm", text, func(v *Auth) *Text { return &v.Realm },
		"Restricted", "what browsers show when they ask"),
	in("lockout", lockout, func(v *Auth) *Lockout { return &v.Lockout },
		"{failures: 10, within: 10m, for: 15m}", "when to turn a client away that sends wrong passwords; false is never"),
}}

// lockout is auth's lockout. false is written where a map could be.
var lockout = kind[Lockout]{"map or false", anyOf(enum(false), ref("lockout")), func(l *loader, name string, n *yaml.Node, into *Lockout) {
	switch {
	case n.Kind != yaml.ScalarNode:
		lockoutTable.read(l, name, n, into)
	case n.Tag == "!!bool" && strings.EqualFold(n.Value, "false"):
		into.Failures = -1
	default:
		l.errorf(n, "%s must be false, or a map such as {failures: 10, within: 10m, for: 15m}, which holds without it", name)
	}
}}

var lockoutTable = table[Lockout]{keys: []key[Lockout]{
	in("failures", whole(1, 1000), func(v *Lockout) *int { return &v.Failures },
		"10", "wrong passwords after which a client is turned away"),
	in("within", above0(duration), func(v *Lockout) *time.Duration { return &v.Within },
		"10m", "how long the first of them counts"),
	in("for", above0(duration), func(v *Lockout) *time.Duration { return &v.For },
		"15m", "how long the client is turned away"),
}}

// ticketTable has nothing to set.
var ticketTable = table[Ticket]{}

func shortTicket(l *loader, _ *Ticket, _, arg Text) {
	l.noArgument("ticket", arg)
}

// noArgument wants nothing behind a verb.
func (l *loader) noArgument(verb string, arg Text) {
	if arg.Value != "" {
		l.faults.Errorf(arg.Pos, "%s takes no argument; write %q alone", verb, verb)
	}
}

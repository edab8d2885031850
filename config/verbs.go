package config

import (
	"net/netip"

	"gopkg.in/yaml.v3"
)

// role is what a verb does with requests.
type role int

const (
	passes   role = iota // a middleware: what is behind it in the chain answers
	declines             // answers, but leaves some requests to what is behind it
	answers              // answers every request
)

// verb is one line of the table of verbs.
type verb struct {
	name     string
	role     role
	argument string // what stands behind the "->"
	optional bool   // the argument may be left out
	word     bool   // one word may stand before the "->"
	doc      string
	short    func(l *loader, whole, word, arg Text) Verb
	keys     described // of the object form
	object   func(l *loader, n *yaml.Node, pairs []pair) Verb
}

// verbs is every verb of the language, in the order in which they are listed
// to people.
var verbs = []verb{
	define(verb{name: "proxy", role: answers, argument: "an upstream",
		doc: "forwards to an upstream; what a target without a verb does"},
		Proxy{}, &proxyTable, func(_ *loader, v *Proxy, _, arg Text) { v.Target = arg }),
	define(verb{name: "redirect", role: declines, argument: "a URL", word: true,
		doc: "answers with another URL, 302 or the status before the arrow; upgrades go to the next element"},
		Redirect{}, &redirectTable, shortRedirect),
	define(verb{name: "websockify", role: answers, argument: "a port or an address",
		doc: "turns a WebSocket into a TCP connection"},
		Websockify{}, &websockifyTable, func(_ *loader, v *Websockify, _, arg Text) { v.Target = arg }),
	define(verb{name: "reject", role: answers, argument: "a status", optional: true,
		doc: "answers with a status"},
		Reject{}, &rejectTable, func(l *loader, v *Reject, _, arg Text) { l.number(arg, "the status of reject", 400, 599, &v.Code) }),
	define(verb{name: "static", role: answers, argument: "a folder",
		doc: "serves files"},
		Static{}, &staticTable, func(_ *loader, v *Static, _, arg Text) { v.Dir = arg }),
	define(verb{name: "status", role: answers, optional: true,
		doc: "shows the server on a page"},
		Status{}, &statusTable, func(l *loader, _ *Status, _, arg Text) { l.noArgument("status", arg) }),
	define(verb{name: "auth", argument: "a password file",
		doc: "asks for a user and password from an htpasswd file"},
		Auth{}, &authTable, func(_ *loader, v *Auth, _, arg Text) { v.File = arg }),
	define(verb{name: "ticket", role: answers, optional: true,
		doc: "gives users of auth tickets for WebSockets"},
		Ticket{}, &ticketTable, shortTicket),
	define(verb{name: "log", argument: "a file",
		doc: "writes an access log; stdout and stderr are no files"},
		Log{}, &logTable, func(_ *loader, v *Log, _, arg Text) { v.File = arg }),
	define(verb{name: "gzip", argument: "a level", optional: true,
		doc: "compresses responses"},
		Gzip{}, &gzipTable, func(l *loader, v *Gzip, _, arg Text) { l.number(arg, "the level of gzip", 1, 9, &v.Level) }),
	define(verb{name: "limit", argument: "a rate",
		doc: "answers 429 to a client that makes more requests than the rate"},
		Limit{}, &limitTable, shortLimit),
	define(verb{name: "addHeader", argument: "Name=Value",
		doc: "sets a request header"},
		AddHeader{}, &headerTable, shortHeader),
	define(verb{name: "addHeaderToResponse", argument: "Name=Value",
		doc: "sets a response header"},
		AddHeader{Response: true}, &headerTable, shortHeader),
	define(verb{name: "allow", argument: "addresses or networks",
		doc: "answers 403 to clients whose address is not listed"},
		AddressFilter{}, &filterTable, shortFilter),
	define(verb{name: "deny", argument: "addresses or networks",
		doc: "answers 403 to clients whose address is listed"},
		AddressFilter{Deny: true}, &filterTable, shortFilter),
}

// define fills in how a verb of type T is read: preset is what it starts from,
// short takes the argument of the form with the arrow.
func define[T any, P interface {
	*T
	Verb
}](d verb, preset T, t *table[T], short func(l *loader, v *T, word, arg Text)) verb {
	d.keys = t
	d.short = func(l *loader, whole, word, arg Text) Verb {
		v := preset
		setPos(&v, whole.Pos)
		short(l, &v, word, arg)
		return P(&v)
	}
	d.object = func(l *loader, n *yaml.Node, pairs []pair) Verb {
		v := preset
		setPos(&v, position(n))
		t.readPairs(l, d.name, n, pairs, &v)
		return P(&v)
	}
	return d
}

// setPos places the verbs that have no text of their own to do so.
func setPos(v any, pos Pos) {
	switch v := v.(type) {
	case *Proxy:
		v.Pos = pos
	case *Limit:
		v.Pos = pos
	case *Ticket:
		v.Pos = pos
	case *Status:
		v.Pos = pos
	case *Gzip:
		v.Pos = pos
	case *AddressFilter:
		v.Pos = pos
	}
}

func findVerb(name string) *verb {
	for i := range verbs {
		if verbs[i].name == name {
			return &verbs[i]
		}
	}
	return nil
}

func roleOf(v Verb) role { return findVerb(v.Name()).role }

func verbNames() []string {
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = v.name
	}
	return names
}

var redirectTable = table[Redirect]{keys: []key[Redirect]{
	must(in("to", text, func(v *Redirect) *Text { return &v.To },
		"", "the URL to go to")),
	in("code", redirectCode, func(v *Redirect) *int { return &v.Code },
		"302", "the status: 301, 302, 303, 307 or 308"),
}}

var rejectTable = table[Reject]{keys: []key[Reject]{
	in("code", whole(400, 599), func(v *Reject) *int { return &v.Code },
		"403", "the status"),
	in("htmlFile", file, func(v *Reject) *Text { return &v.HTMLFile },
		"the port's errorHtmlFile", "page to show"),
}}

var staticTable = table[Static]{keys: []key[Static]{
	must(in("dir", folder, func(v *Static) *Text { return &v.Dir },
		"", "the folder to serve")),
}}

var logTable = table[Log]{keys: []key[Log]{
	must(in("file", file, func(v *Log) *Text { return &v.File },
		"", "file to append to, stdout or stderr")),
	in("type", choice("combined", "common", "json"), func(v *Log) *Text { return &v.Type },
		"combined", "format of a line"),
}}

var gzipTable = table[Gzip]{keys: []key[Gzip]{
	in("level", whole(1, 9), func(v *Gzip) *int { return &v.Level },
		"the library's", "1 is fastest, 9 is smallest"),
}}

var limitTable = table[Limit]{
	keys: []key[Limit]{
		must(in("rate", rate, func(v *Limit) *float64 { return &v.Rate },
			"", "requests in a second, a minute or an hour, counted for each client")),
		in("burst", whole(1, 1_000_000), func(v *Limit) *int { return &v.Burst },
			"what the rate gives in a second, at least 1", "requests that may come at once"),
	},
	check: func(_ *loader, _ string, _ *yaml.Node, v *Limit) { v.fillBurst() },
}

var headerTable = table[AddHeader]{keys: []key[AddHeader]{
	must(in("name", headerName, func(v *AddHeader) *Text { return &v.Header },
		"", "the header's name")),
	must(in("value", text, func(v *AddHeader) *Text { return &v.Value },
		"", "the header's value, macros allowed")),
}}

var filterTable = table[AddressFilter]{keys: []key[AddressFilter]{
	must(in("addresses", networks, func(v *AddressFilter) *[]netip.Prefix { return &v.Prefixes },
		"", "addresses and CIDRs")),
}}

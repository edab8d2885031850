package server

import (
	"fmt"
	"net/http"
	"strings"
)

// shownRules is how many rules of one router that do not match are written for
// people; JSON has all of them.
const shownRules = 20

// String is the explanation for people, several lines.
func (x *Explanation) String() string {
	var b strings.Builder
	line := func(indent int, format string, args ...any) {
		b.WriteString(strings.Repeat("  ", indent))
		fmt.Fprintf(&b, format, args...)
		b.WriteByte('\n')
	}
	x.writeHead(line)
	for _, s := range x.Steps {
		if s.Router != nil {
			s.Router.write(line)
		} else {
			s.Element.write(line)
		}
	}
	x.Answer.write(line, x.Method)
	return b.String()
}

// writer writes an indented line.
type writer func(indent int, format string, args ...any)

func (x *Explanation) writeHead(line writer) {
	what := ""
	if x.WebSocket {
		what = " (a WebSocket)"
	}
	if x.From != "" {
		what += " from " + x.From
	}
	line(0, "%s %s%s", x.Method, x.URL, what)
	if x.Port != nil {
		speaks := ""
		if x.Port.TLS {
			speaks = ", with TLS"
		}
		if x.Port.ClientCertificate {
			speaks += " and a client certificate"
		}
		line(1, "line %d: %s%s", x.Port.Line, x.Port.listens, speaks)
	}
	if x.Certificate != nil {
		line(1, "certificate: %s", x.Certificate)
	}
	if x.Path == "" { // no rule has seen it
		return
	}
	host := x.Host
	if host == "" {
		host = "none"
	}
	line(1, "host: %s", host)
	line(1, "path: %s", x.Path)
	if x.Forward != x.Path {
		line(1, "path as it is sent on: %s", x.Forward)
	}
	if x.Query != "" {
		line(1, "query: %s", x.Query)
	}
}

// String is the certificate on one line.
func (c *Certificate) String() string {
	if c.Problem != "" {
		return c.Problem
	}
	text := strings.Join(c.Names, ", ")
	if len(c.Names) > 3 {
		text = fmt.Sprintf("%s and %d more names", strings.Join(c.Names[:3], ", "), len(c.Names)-3)
	}
	if text == "" {
		text = "no name"
	}
	text += fmt.Sprintf(", issued by %q, until %s", c.Issuer, c.Expires)
	if !c.Matches {
		text += "; it is not for this host, so browsers warn"
	}
	return text
}

func (s *RouterStep) write(line writer) {
	line(0, "line %d: rules", s.Line)
	if s.OtherHosts > 0 {
		line(1, "%s for other hosts: not tried", count(s.OtherHosts, "rule"))
	}
	misses := 0
	for _, t := range s.Tried {
		if t.Matches {
			continue
		}
		if misses++; misses <= shownRules {
			line(1, "line %d: \"%s\" no: %s", t.Line, t.Pattern, t.Reason)
		}
	}
	if misses > shownRules {
		line(1, "and %s that do not match", count(misses-shownRules, "more rule"))
	}
	if n := len(s.Tried); n > 0 && s.Tried[n-1].Matches {
		line(1, "line %d: \"%s\" matches", s.Tried[n-1].Line, s.Tried[n-1].Pattern)
	} else {
		line(1, "no rule matches")
	}
	for _, c := range s.Captures {
		name := ""
		if c.Name != "" {
			name = " [" + c.Name + "]"
		}
		line(2, "[%d]%s = %q", c.Number, name, c.Text)
	}
}

func (s *ElementStep) write(line writer) {
	header := ""
	if s.Header != "" {
		header = ": " + s.Header
	}
	line(0, "line %d: %s %s%s", s.Line, s.Verb, s.Does, header)
}

func (a *Answer) write(line writer, method string) {
	where := "answer"
	if a.Line > 0 {
		where = fmt.Sprintf("line %d: answer", a.Line)
	}
	line(0, "%s: %s", where, a.summary())
	for _, up := range a.Upstreams {
		if len(a.Upstreams) > 1 {
			line(1, "%s, weight %d:", up.Address, up.Weight)
		}
		line(1, "%s %s", method, up.RequestURI)
		line(1, "Host: %s", up.Host)
		for _, field := range up.Header {
			line(1, "%s", field)
		}
	}
	switch {
	case a.Problem != "" && a.Allowed != nil:
		line(1, "not allowed: %s", a.Problem)
	case a.Problem != "":
		line(1, "it cannot be told whether that is allowed: %s", a.Problem)
	case a.Target != "":
		line(1, "allowed, connects to %s", strings.Join(a.Addresses, ", then "))
	}
	for _, condition := range a.Depends {
		line(1, "depends on %s", condition)
	}
}

// summary is the answer in one line.
func (a *Answer) summary() string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	reason := ""
	if a.Reason != "" {
		reason = ", " + a.Reason
	}
	switch {
	case a.Status == 0 && len(a.Upstreams) == 0:
		return "none: " + a.Reason
	case len(a.Upstreams) > 1:
		return "what one of these answers, chosen by " + a.Balance
	case len(a.Upstreams) > 0:
		return "what " + a.Upstreams[0].Address + " answers"
	case a.Location != "":
		return status + " to " + a.Location + reason
	case a.Target != "":
		return status + reason + ", tunnel to " + a.Target
	case a.File != "" && *a.Found:
		return status + ", the file " + a.File + reason
	case a.File != "":
		return status + ", there is no file " + a.File + reason
	}
	return status + reason
}

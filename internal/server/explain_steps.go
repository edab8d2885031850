package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"httpmaster/config"
	"httpmaster/internal/middleware"
	"httpmaster/internal/statuspage"
	"httpmaster/proxy"
	"httpmaster/router"
)

// step explains what h does with the request, and gives the handler that it
// gets to next, nil when h has answered. It knows every handler that verb
// makes.
func (e *explainer) step(h router.Handler) router.Handler {
	t := e.gen.sources.targets[h]
	switch h := h.(type) {
	case *notFound:
		e.answer(Answer{By: "nothing", Status: http.StatusNotFound, Reason: "no rule matches, and nothing comes after the rules"})
	case *router.Branch:
		return e.branch(h, t.Pos.Line)
	case *proxy.Redirect:
		return e.redirect(h, t)
	case *proxy.Proxy:
		e.proxy(h, t)
	case *proxy.Websockify:
		e.websockify(h, t)
	case *proxy.Static:
		e.static(h, t)
	case *proxy.Reject:
		_, reply := e.try(func(router.Handler) router.Handler { return h })
		e.answer(Answer{By: "reject", Line: t.Pos.Line, Status: reply.status})
	case *statuspage.Page:
		e.answer(Answer{By: "status", Line: t.Pos.Line, Status: http.StatusOK})
	case *middleware.Auth:
		e.auth(t)
		return h.Next
	case *middleware.Ticket:
		a := Answer{By: "ticket", Line: t.Pos.Line, Status: http.StatusOK}
		if e.r.Method != http.MethodPost {
			a.Status, a.Reason = http.StatusMethodNotAllowed, "a ticket is asked for with POST"
		}
		e.answer(a)
	case *middleware.AccessLog:
		v := t.Verb.(*config.Log)
		e.element(t, Passes, "writes a line to %s, in the format %s", v.File.Value, orElse(v.Type.Value, "combined"))
		return h.Next
	case *middleware.Gzip:
		e.element(t, Passes, "compresses what is worth it, for clients that take gzip")
		return h.Next
	case *middleware.Limit:
		e.element(t, Depends, "lets a client ask %s times a second, %d at once", strconv.FormatFloat(h.Rate, 'g', 3, 64), h.Burst)
		e.depends = append(e.depends, "how much the client has asked before, else 429")
		return h.Next
	case *middleware.AddHeader:
		return e.addHeader(h, t)
	case *middleware.AddResponseHeader:
		return e.addResponseHeader(h, t)
	case *middleware.AddressFilter:
		return e.addressFilter(h, t)
	default:
		e.answer(Answer{By: t.Verb.Name(), Line: t.Pos.Line, Reason: "explain cannot look into this verb"})
	}
	return nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// branch is what Branch.Serve does.
func (e *explainer) branch(h *router.Branch, line int) router.Handler {
	rule, tried, others := h.Table.Explain(e.m)
	step := &RouterStep{Line: line, Tried: []TriedRule{}, OtherHosts: others, Captures: []Capture{}}
	for _, t := range tried {
		step.Tried = append(step.Tried, TriedRule{
			Line: t.Rule.Line, Pattern: t.Rule.Pattern.String(), Matches: t.Rule == rule, Differs: t.Differ, Reason: t.Reason,
		})
	}
	e.out.Steps = append(e.out.Steps, Step{Router: step})
	if rule == nil {
		return h.Next
	}
	e.m.Rule = rule
	outer := h.Table.OuterCaptures()
	for i, name := range rule.Pattern.CaptureNames() {
		n := outer + i + 1
		step.Captures = append(step.Captures, Capture{Number: n, Name: name, Text: e.m.Capture(n)})
	}
	return rule.Handler
}

// try has one handler do its work on the request. passed tells whether it
// handed the request to the one behind it, which answers 200; reply has what
// the client would get.
func (e *explainer) try(with func(next router.Handler) router.Handler) (passed bool, reply *reply) {
	reply = newReply()
	next := router.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, _ *router.Match) {
		passed = true
		w.WriteHeader(http.StatusOK)
	})
	with(next).Serve(reply, e.r, e.m)
	return passed, reply
}

// reply keeps the head of an answer.
type reply struct {
	header http.Header
	status int
}

func newReply() *reply { return &reply{header: make(http.Header)} }

// Header is part of http.ResponseWriter.
func (p *reply) Header() http.Header { return p.header }

// WriteHeader is part of http.ResponseWriter.
func (p *reply) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

// Write is part of http.ResponseWriter.
func (p *reply) Write(body []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return len(body), nil
}

// element adds a step for an element of a chain.
func (e *explainer) element(t *config.Target, outcome, does string, args ...any) *ElementStep {
	step := &ElementStep{Verb: t.Verb.Name(), Line: t.Pos.Line, Does: fmt.Sprintf(does, args...), Outcome: outcome}
	e.out.Steps = append(e.out.Steps, Step{Element: step})
	return step
}

// refused ends the way at an element.
func (e *explainer) refused(t *config.Target, status int, reason string) router.Handler {
	e.answer(Answer{By: t.Verb.Name(), Line: t.Pos.Line, Status: status, Reason: reason})
	return nil
}

func (e *explainer) auth(t *config.Target) {
	file := t.Verb.(*config.Auth).File.Value
	e.element(t, Depends, "asks for a user and password of %s", file)
	e.depends = append(e.depends, "a user and password of "+file+", else 401")
}

func (e *explainer) addHeader(h *middleware.AddHeader, t *config.Target) router.Handler {
	passed, reply := e.try(func(next router.Handler) router.Handler {
		tried := *h
		tried.Next = next
		return &tried
	})
	if !passed {
		return e.badHeader(t, h.Name, reply.status)
	}
	value := e.r.Header.Get(h.Name)
	if strings.EqualFold(h.Name, "Host") {
		value = e.r.Host
	}
	e.element(t, Passes, "sets a header of the request").Header = h.Name + ": " + value
	return h.Next
}

func (e *explainer) addResponseHeader(h *middleware.AddResponseHeader, t *config.Target) router.Handler {
	passed, reply := e.try(func(next router.Handler) router.Handler {
		tried := *h
		tried.Next = next
		return &tried
	})
	if !passed {
		return e.badHeader(t, h.Name, reply.status)
	}
	e.element(t, Passes, "sets a header of the answer").Header = h.Name + ": " + reply.header.Get(h.Name)
	return h.Next
}

func (e *explainer) badHeader(t *config.Target, name string, status int) router.Handler {
	e.element(t, Refuses, "cannot make a value for %s of this request", name)
	return e.refused(t, status, router.ErrCapture.Error())
}

func (e *explainer) addressFilter(h *middleware.AddressFilter, t *config.Target) router.Handler {
	var list []string
	for _, prefix := range h.Prefixes {
		list = append(list, prefix.String())
	}
	who := "lets only clients pass that are of " + strings.Join(list, ", ")
	condition := "a client's address in " + strings.Join(list, ", ") + ", else 403"
	if h.Deny {
		who = "refuses clients of " + strings.Join(list, ", ")
		condition = "a client's address that is not in " + strings.Join(list, ", ") + ", else 403"
	}
	if !e.client {
		e.element(t, Depends, "%s; --from ADDRESS says who asks", who)
		e.depends = append(e.depends, condition)
		return h.Next
	}
	passed, reply := e.try(func(next router.Handler) router.Handler {
		tried := *h
		tried.Next = next
		return &tried
	})
	client := "a client without an address"
	if e.m.Client.IsValid() {
		client = e.m.Client.String()
	}
	if !passed {
		e.element(t, Refuses, "%s: %s is refused", who, client)
		return e.refused(t, reply.status, client+" is not allowed")
	}
	e.element(t, Passes, "%s: %s passes", who, client)
	return h.Next
}

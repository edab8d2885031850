package server

import (
	"net/http"
	"slices"
	"strings"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

func (e *explainer) redirect(h *proxy.Redirect, t *config.Target) router.Handler {
	passed, reply := e.try(func(next router.Handler) router.Handler {
		tried := *h
		tried.Next = next
		return &tried
	})
	if passed {
		e.element(t, Passes, "does not redirect a WebSocket, which no client would follow")
		return h.Next
	}
	a := Answer{By: "redirect", Line: t.Pos.Line, Status: reply.status, Location: reply.header.Get("Location")}
	if a.Location == "" {
		_, err := h.To.URL(e.m)
		a.Reason = err.Error()
	}
	e.answer(a)
	return nil
}

func (e *explainer) proxy(h *proxy.Proxy, t *config.Target) {
	a := Answer{By: "proxy", Line: t.Pos.Line}
	previews, err := h.Preview(e.r, e.m)
	if err != nil {
		a.Status, a.Reason = http.StatusBadRequest, err.Error()
		e.answer(a)
		return
	}
	for _, p := range previews {
		up := Upstream{
			Address:    p.Address,
			RequestURI: p.Request.URL.RequestURI(),
			Host:       p.Request.Host,
			Header:     headerLines(p.Request.Header),
		}
		if len(previews) > 1 {
			up.Weight = p.Weight
		}
		a.Upstreams = append(a.Upstreams, up)
	}
	if len(previews) > 1 {
		a.Balance = string(h.Balancer.Policy())
		e.depends = append(e.depends, "which of the upstreams are well when the request comes")
	}
	e.answer(a)
}

// headerLines writes what is known of a request's header. The handshake's own
// fields would be another client's anyway.
func headerLines(h http.Header) []string {
	lines := []string{}
	for name, values := range h {
		for _, value := range values {
			if !strings.HasPrefix(name, "Sec-Websocket-") {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func (e *explainer) websockify(h *proxy.Websockify, t *config.Target) {
	plan := h.Preview(e.ctx, e.m, e.lookup)
	a := Answer{
		By: "websockify", Line: t.Pos.Line, Target: plan.Target, Addresses: plan.Addresses,
		Status: http.StatusSwitchingProtocols,
	}
	switch {
	case plan.Err == nil:
		a.Allowed = known(true)
	case plan.Status == http.StatusForbidden || plan.Status == http.StatusBadRequest:
		a.Allowed = known(false)
	}
	if plan.Err != nil {
		a.Status, a.Reason, a.Problem = plan.Status, plan.Reason, plan.Err.Error()
	}
	if status, reason := h.Handshake(e.r, e.m); status != 0 {
		a.Status, a.Reason = status, reason
	}
	if plan.Resolved {
		e.depends = append(e.depends, "the addresses of the name, which was looked up now and on this machine")
	}
	e.answer(a)
}

func known(b bool) *bool { return &b }

func (e *explainer) static(h *proxy.Static, t *config.Target) {
	a := Answer{By: "static", Line: t.Pos.Line}
	name, found, err := h.Find(e.m)
	a.File, a.Found = name, known(found)
	if err != nil {
		a.Reason = err.Error()
	}
	head := e.r.Clone(e.ctx)
	if head.Method == http.MethodGet {
		head.Method = http.MethodHead // the file itself is not wanted
	}
	reply := newReply()
	h.Serve(reply, head, e.m)
	a.Status, a.Location = reply.status, reply.header.Get("Location")
	e.answer(a)
}

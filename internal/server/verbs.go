package server

import (
	"errors"

	"httpmaster/config"
	"httpmaster/internal/middleware"
	"httpmaster/proxy"
	"httpmaster/router"
)

// verb composes the handler or middleware that t names in front of next. This
// is the one place that knows every verb.
func (b *builder) verb(t *config.Target, at place, next router.Handler) router.Handler {
	switch v := t.Verb.(type) {
	case *config.Proxy:
		return b.proxy(v, at, next)
	case *config.Redirect:
		return b.redirect(v, at, next)
	case *config.Websockify:
		return b.websockify(v, at, next)
	case *config.Reject:
		return &proxy.Reject{Code: v.Code, Page: b.errorPage(v.HTMLFile, at.errors)}
	case *config.Static:
		return b.static(v, at, next)
	case *config.Status:
		return b.statusPage(v, at)
	case *config.Auth:
		return b.auth(v, at, next)
	case *config.Ticket:
		return b.ticket(v, at, next)
	case *config.Log:
		return b.accessLog(v, next)
	case *config.Gzip:
		return &middleware.Gzip{Level: v.Level, Next: next}
	case *config.AddHeader:
		return b.addHeader(v, at, next)
	case *config.Limit:
		return &middleware.Limit{Rate: v.Rate, Burst: v.Burst, Refuse: at.errors.Write, Refused: &at.tally.limited, Next: next}
	case *config.AddressFilter:
		return &middleware.AddressFilter{Deny: v.Deny, Prefixes: v.Prefixes, Refuse: at.errors.Write, Refused: &at.tally.denied, Next: next}
	default:
		b.faults.Errorf(t.Pos, "the verb %q is not available in this version", t.Verb.Name())
		return next
	}
}

// parseTarget reads the address that a verb names. It is nil when faulty, and
// the fault is reported.
func (b *builder) parseTarget(text config.Text, at place) *router.Target {
	target, err := router.ParseTarget(text.Value, at.scope)
	if err != nil {
		b.syntaxError(text, "target", err)
		return nil
	}
	return target
}

func (b *builder) redirect(v *config.Redirect, at place, next router.Handler) router.Handler {
	to := b.parseTarget(v.To, at)
	if to == nil {
		return next
	}
	switch to.Scheme {
	case "unix", "h2c", "https+insecure":
		b.faults.Errorf(v.To.Pos, "redirect %q: no browser knows %s addresses, write https://", v.To.Value, to.Scheme)
		return next
	}
	b.checkRedirect(v, to, at)
	return &proxy.Redirect{To: to, Code: v.Code, Next: next, Errors: at.errors}
}

func (b *builder) static(v *config.Static, at place, next router.Handler) router.Handler {
	dir := b.cfg.Resolve(v.Dir.Value)
	h, err := proxy.NewStatic(dir, at.scope)
	if err != nil {
		var syntax *router.SyntaxError
		if errors.As(err, &syntax) { // its offset counts from the folder's full name
			err = &router.SyntaxError{Offset: max(0, syntax.Offset-len(dir)+len(v.Dir.Value)), Msg: syntax.Msg}
		}
		b.syntaxError(v.Dir, "static", err)
		return next
	}
	h.Errors, h.Log = at.errors, b.server.log
	return h
}

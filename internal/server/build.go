package server

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

// defaultStale is how long tunnels outlive the change of their rule.
const defaultStale = 5 * time.Minute

// Build makes cfg ready to serve. It reads every file that cfg names and opens
// no port. What is wrong goes to faults, behind what loading has found; the
// generation is fit for Apply only if faults.Err() is nil afterwards. The
// caller gives it to Apply or calls Discard.
func (s *Server) Build(cfg *config.Config, faults *config.Faults) *Generation {
	b := &builder{server: s, cfg: cfg, faults: faults, gen: newGeneration()}
	b.gen.hash, b.gen.file = cfg.Hash, cfg.File
	if s.shared.dry {
		b.gen.sources = newSources(cfg)
		b.checkAppLog()
	}
	b.gen.staleAfter = defaultStale
	if cfg.StaleTunnels != nil {
		b.gen.staleAfter = *cfg.StaleTunnels
	}
	global := b.errorPage(cfg.ErrorHTMLFile, nil)
	b.acme()
	for _, cp := range cfg.Ports {
		p := b.port(cp, global)
		b.gen.ports = append(b.gen.ports, p)
		if b.gen.sources != nil {
			b.gen.sources.ports[p] = cp
		}
	}
	b.acmeNames()
	b.checkAll()
	if !s.shared.dry { // it has nothing to do with what is answered
		b.services()
	}
	return b.gen
}

// builder turns one config into one generation. It is the place where the
// words of the config meet the types that do the work; verbs.go has the verbs.
type builder struct {
	server *Server
	cfg    *config.Config
	faults *config.Faults
	gen    *Generation
	leads  []*lead // for checkLoops
}

// place is where in a port's tree of chains and routers a target stands.
type place struct {
	port    *config.Port
	into    *port
	errors  *proxy.ErrorPage
	scope   router.Scope
	pattern *router.Pattern // of the innermost rule; nil outside routers
	// route names the place for what outlives the config: the port's address
	// and the patterns on the way, a line each.
	route string
	way   way
	// guarded: a client got here only through auth or allow.
	guarded bool
	// auth is the one that a client has come through last; nil for none.
	auth *config.Auth
	// tally counts what comes through the innermost rule.
	tally *tally
}

// checkAppLog tells whether the program's own log could be opened, which is not
// the server's to do when it runs.
func (b *builder) checkAppLog() {
	file := b.cfg.Modules.AppLog.File
	if file.Value == "" {
		return
	}
	if err := b.server.shared.logs.Check(b.cfg.Resolve(file.Value)); err != nil {
		b.faults.Errorf(file.Pos, "modules.appLog: %v", err)
	}
}

func (b *builder) port(cp *config.Port, global *proxy.ErrorPage) *port {
	p := &port{
		gen:               b.gen,
		key:               portKey(cp.Address),
		network:           cp.Address.Network,
		address:           listenAddress(cp.Address),
		errors:            b.errorPage(cp.ErrorHTMLFile, global),
		allowEncodedSlash: cp.AllowEncodedSlash,
		trusted:           b.cfg.TrustedProxies,
	}
	at := place{port: cp, into: p, route: p.key, way: wayTo(cp, p.key), errors: p.errors}
	at.tally, _ = b.tally(at, cp.Address.Pos.Line)
	chain := append(append([]*config.Target{}, b.cfg.Middleware...), cp.Middleware...)
	if cp.Target != nil {
		chain = append(chain, cp.Target)
	}
	p.handler = b.chain(chain, at, &notFound{p.errors})
	if cp.SSL != nil {
		b.tls(p, cp)
	}
	b.front(p, cp.Limits)
	if cp.SSH.Value != "" {
		b.ssh(p, cp)
	}
	return p
}

// portKey is the one spelling of an address that reloads compare: "80",
// "127.0.0.1:80", "[::1]:80", "unix:/x".
func portKey(a config.Address) string {
	switch {
	case a.Network == "unix":
		return "unix:" + a.Path
	case a.Host == "":
		return strconv.Itoa(int(a.Port))
	}
	return listenAddress(a)
}

// listenAddress gives what net.Listen wants.
func listenAddress(a config.Address) string {
	if a.Network == "unix" {
		return a.Path
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// notFound ends every chain that nothing has answered.
type notFound struct{ page *proxy.ErrorPage }

// Serve answers 404.
func (n *notFound) Serve(w http.ResponseWriter, r *http.Request, _ *router.Match) {
	n.page.Write(w, r, http.StatusNotFound, "nothing is served at this address")
}

// target composes what t says in front of next.
func (b *builder) target(t *config.Target, at place, next router.Handler) router.Handler {
	switch {
	case t == nil: // faulty, and reported
		return next
	case t.Router != nil:
		return b.madeOf(t, b.router(t.Router, at, next))
	case t.Chain != nil:
		return b.chain(t.Chain, at, next)
	default:
		return b.madeOf(t, b.verb(t, at, next))
	}
}

// chain composes elements from the last to the first, so that each holds the
// one behind it.
func (b *builder) chain(elements []*config.Target, at place, next router.Handler) router.Handler {
	places := make([]place, len(elements))
	for i, t := range elements {
		places[i] = at
		at.guarded = at.guarded || guards(t)
		if auth := authIn(t); auth != nil {
			at.auth = auth
		}
		if i < len(elements)-1 {
			at.way = at.way.through(t)
		}
	}
	for i := len(elements) - 1; i >= 0; i-- {
		next = b.target(elements[i], places[i], next)
	}
	return next
}

// authIn gives the last auth that every client comes through which gets past t.
func authIn(t *config.Target) *config.Auth {
	if t == nil {
		return nil
	}
	if auth, ok := t.Verb.(*config.Auth); ok {
		return auth
	}
	for i := len(t.Chain) - 1; i >= 0; i-- {
		if auth := authIn(t.Chain[i]); auth != nil {
			return auth
		}
	}
	return nil
}

// guards tells whether what stands behind t in a chain is reached only by
// clients that t has checked.
func guards(t *config.Target) bool {
	if t == nil {
		return false
	}
	switch v := t.Verb.(type) {
	case *config.Auth:
		return true
	case *config.AddressFilter:
		return !v.Deny
	}
	for _, element := range t.Chain {
		if guards(element) {
			return true
		}
	}
	return false
}

func (b *builder) router(cr *config.Router, at place, next router.Handler) router.Handler {
	var (
		rules    []*router.Rule
		patterns []*router.Pattern
		sources  []*config.Rule
	)
	for _, cr := range cr.Rules {
		pattern, err := router.ParsePattern(cr.Pattern.Value)
		if err != nil {
			b.syntaxError(cr.Pattern, "pattern", err)
			continue
		}
		inner := at
		inner.scope = at.scope.With(pattern)
		inner.pattern = pattern
		inner.route += "\n" + pattern.String()
		inner.way = at.way.through(cr.Pattern)
		rule := &router.Rule{Pattern: pattern, Line: cr.Pattern.Pos.Line}
		inner.tally, rule.Number = b.tally(inner, rule.Line)
		rule.Handler = b.target(cr.Target, inner, next)
		rules = append(rules, rule)
		patterns = append(patterns, pattern)
		sources = append(sources, cr)
	}
	for _, h := range router.FindHidden(patterns) {
		rule, by := sources[h.Rule].Pattern, sources[h.By].Pattern
		b.faults.Warnf(rule.Pos, "rule %q is never reached: rule %q on line %d matches everything it does; %s",
			rule.Value, by.Value, by.Pos.Line, adviceForHidden(patterns[h.Rule], patterns[h.By]))
	}
	at.into.rules += len(rules)
	return router.NewTable(rules, at.scope).Handler(next)
}

// adviceForHidden says what to do about a rule that another one hides, by
// looking whether it would help to change their order.
func adviceForHidden(rule, by *router.Pattern) string {
	swapped := router.FindHidden([]*router.Pattern{rule, by})
	switch {
	case len(swapped) == 0:
		return "put the narrower rule first"
	case swapped[0].Rule == 1:
		return "they are the same, remove one"
	default:
		return "rules without a host win over those with a wildcard host wherever they stand, so give that one a host as well"
	}
}

// syntaxError reports what the router package found in text, at the column it
// names.
func (b *builder) syntaxError(text config.Text, what string, err error) {
	pos := text.Pos
	var syntax *router.SyntaxError
	if errors.As(err, &syntax) {
		pos = text.At(syntax.Offset)
	}
	if strings.Contains(text.Value, "@") { // perhaps a password, which no log may have
		b.faults.Errorf(pos, "%s: %v", what, err)
		return
	}
	b.faults.Errorf(pos, "%s %q: %v", what, text.Value, err)
}

package server

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"httpmaster/config"
	"httpmaster/proxy"
	"httpmaster/router"
)

// Question is a request to be explained.
type Question struct {
	URL    string     // http, https, ws or wss; the last two ask for a WebSocket
	Method string     // "" means GET
	From   netip.Addr // the client; the zero Addr leaves it open
	Port   string     // key of the port that is asked; "" means the one that the URL says
	// Lookup resolves names that a websockify would resolve to check where they
	// lead; nil means the system's resolver.
	Lookup proxy.Lookup
}

// Explanation is how one request would be answered, and why. Its JSON is for
// programs: what is there keeps its name and meaning.
type Explanation struct {
	URL         string       `json:"url"`
	Method      string       `json:"method"`
	WebSocket   bool         `json:"webSocket"`
	From        string       `json:"from,omitempty"`
	Port        *AskedPort   `json:"port,omitempty"`        // absent: none listens there
	Certificate *Certificate `json:"certificate,omitempty"` // absent: none is sent
	// Host, Path, Forward and Query are absent when no rule gets to see the
	// request; Query also when it has none.
	Host    string `json:"host,omitempty"`    // canonical, as rules see it
	Path    string `json:"path,omitempty"`    // canonical, as rules see it
	Forward string `json:"forward,omitempty"` // the path as it is sent on when no rule rewrites it
	Query   string `json:"query,omitempty"`
	Steps   []Step `json:"steps"`
	Answer  Answer `json:"answer"`
}

// AskedPort is the port that a request comes to.
type AskedPort struct {
	Key               string `json:"key"` // as Question.Port names it
	Line              int    `json:"line"`
	TLS               bool   `json:"tls"`
	ClientCertificate bool   `json:"clientCertificate"` // one is required

	listens string // for people
}

// Certificate is what a TLS client would be shown.
type Certificate struct {
	Names   []string `json:"names"`
	Issuer  string   `json:"issuer"`
	Expires string   `json:"expires"`           // the day, in UTC
	Matches bool     `json:"matches"`           // it is for the host of the URL
	Problem string   `json:"problem,omitempty"` // why there is none, or could not be told
}

// Step is something that a request passes on its way to the answer: either a
// router or an element of a chain.
type Step struct {
	Router  *RouterStep  `json:"router,omitempty"`
	Element *ElementStep `json:"element,omitempty"`
}

// RouterStep is how the rules of one router took a request.
type RouterStep struct {
	Line       int         `json:"line"`
	Tried      []TriedRule `json:"tried"`      // in the order in which they are tried
	OtherHosts int         `json:"otherHosts"` // rules for other literal hosts, which are not tried
	Captures   []Capture   `json:"captures"`   // of the rule that matches
}

// TriedRule is a rule and whether it matches; only the last one of a list can.
type TriedRule struct {
	Line    int             `json:"line"`
	Pattern string          `json:"pattern"`
	Matches bool            `json:"matches"`
	Differs router.Mismatch `json:"differs,omitempty"` // "host", "port" or "path"
	Reason  string          `json:"reason,omitempty"`
}

// Capture is a piece of the request that [Number], or [Name], stands for.
type Capture struct {
	Number int    `json:"number"`
	Name   string `json:"name,omitempty"`
	Text   string `json:"text"`
}

// What an ElementStep can come to.
const (
	Passes  = "passes"  // the request goes on
	Refuses = "refuses" // it ends here
	Depends = "depends" // on something that the question does not say
)

// ElementStep is an element of a chain.
type ElementStep struct {
	Verb    string `json:"verb"`
	Line    int    `json:"line"`
	Does    string `json:"does"` // for people
	Outcome string `json:"outcome"`
	Header  string `json:"header,omitempty"` // addHeader and addHeaderToResponse: the line that they set
}

// Answer is what a client gets in the end, as far as that is for the config to
// say. Which fields are there depends on By.
type Answer struct {
	// By is the verb that answers, "server" for a request that no rule gets to
	// see, or "nothing" when no rule matches.
	By     string `json:"by"`
	Line   int    `json:"line,omitempty"`
	Status int    `json:"status,omitempty"` // absent: the upstream decides
	Reason string `json:"reason,omitempty"`

	Location string `json:"location,omitempty"` // redirect

	Upstreams []Upstream `json:"upstreams,omitempty"` // proxy: one, or those that are chosen from
	Balance   string     `json:"balance,omitempty"`   // proxy: how one of several is chosen

	Target    string   `json:"target,omitempty"`    // websockify
	Addresses []string `json:"addresses,omitempty"` // websockify: what is dialled
	Allowed   *bool    `json:"allowed,omitempty"`   // websockify: absent when it could not be told
	Problem   string   `json:"problem,omitempty"`   // websockify: why not, for the operator

	File  string `json:"file,omitempty"`  // static
	Found *bool  `json:"found,omitempty"` // static

	// Depends lists what has to be so for this to be the answer.
	Depends []string `json:"depends,omitempty"`
}

// Upstream is where a proxy sends a request, and what.
type Upstream struct {
	Address    string   `json:"address"`
	Weight     int      `json:"weight,omitempty"` // against the others, where there are some
	RequestURI string   `json:"requestURI"`
	Host       string   `json:"host"`
	Header     []string `json:"header"` // "Name: value", as far as the question knows them
}

// Answered tells whether something in the config answers, with whatever
// status, rather than nothing.
func (x *Explanation) Answered() bool { return x.Answer.By != "server" && x.Answer.By != "nothing" }

// sources tells of what in the config each handler of a generation was made.
// Only a dry server's generations have them.
type sources struct {
	cfg     *config.Config
	targets map[router.Handler]*config.Target
	ports   map[*port]*config.Port
}

func newSources(cfg *config.Config) *sources {
	return &sources{cfg: cfg, targets: make(map[router.Handler]*config.Target), ports: make(map[*port]*config.Port)}
}

// madeOf notes that h was made of t, and gives h.
func (b *builder) madeOf(t *config.Target, h router.Handler) router.Handler {
	if b.gen.sources != nil {
		b.gen.sources.targets[h] = t
	}
	return h
}

// Explain tells how a request would be answered. g is of a dry server's Build,
// without errors. The way is the one that serving goes: the same tables, chains
// and targets. No connection is made, but a name is looked up where a tunnel
// would have to, which takes some seconds at most.
//
// The error is about the question itself: what has to be asked differently.
func (g *Generation) Explain(ctx context.Context, q Question) (*Explanation, error) {
	e := &explainer{ctx: ctx, gen: g, lookup: q.Lookup}
	asked, err := parseQuestion(q)
	if err != nil {
		return nil, err
	}
	e.out = &Explanation{URL: q.URL, Method: asked.method, WebSocket: asked.webSocket, Steps: []Step{}}
	if q.From.IsValid() {
		e.out.From = q.From.String()
	}
	p, problem, err := g.portFor(asked, q.Port)
	if err != nil {
		return nil, err
	}
	if p == nil {
		e.answer(Answer{By: "server", Reason: problem})
		return e.out, nil
	}
	e.arrive(p, asked)
	return e.out, nil
}

// explainer goes the way of one request.
type explainer struct {
	ctx    context.Context
	gen    *Generation
	lookup proxy.Lookup
	out    *Explanation

	client  bool // it is known who asks, or that it has no address
	r       *http.Request
	m       *router.Match
	depends []string // what the question leaves open
}

func (e *explainer) answer(a Answer) {
	a.Depends = e.depends
	e.out.Answer = a
}

// arrive is what ServeHTTP does.
func (e *explainer) arrive(p *port, asked *request) {
	e.describePort(p, asked)
	var err error
	if e.r, err = asked.read(p); err != nil {
		e.answer(Answer{By: "server", Status: http.StatusBadRequest, Reason: "the request is malformed: " + err.Error()})
		return
	}
	e.m = new(router.Match)
	status, reason := p.admit(e.r, e.m)
	e.out.Host, e.out.Path, e.out.Forward, e.out.Query = e.m.Host, e.m.Path, e.m.Forward, e.m.Query
	if status != 0 {
		e.answer(Answer{By: "server", Status: status, Reason: reason})
		return
	}
	e.client = e.m.Client.IsValid() || p.network == "unix"
	if p.tls == nil && e.gen.acme != nil && strings.HasPrefix(e.r.URL.Path, "/.well-known/acme-challenge/") {
		e.depends = append(e.depends, "letsencrypt not asking for this path, which is answered before any rule")
	}
	for h := p.handler; h != nil; {
		h = e.step(h)
	}
}

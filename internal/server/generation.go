package server

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"httpmaster/internal/certs"
	"httpmaster/internal/front"
	"httpmaster/proxy"
	"httpmaster/router"
)

// Generation is a config made ready to serve: patterns compiled, chains
// composed, files read. It holds shared resources (upstream pools, log files,
// certificate stores) until the last request that began under it has ended, or
// has become a tunnel.
type Generation struct {
	ports    []*port
	acme     *acme             // nil: no port asks for it
	checked  []*proxy.Balancer // whose health checks begin with Apply
	balanced []balanced        // who uses them
	hash     [32]byte          // of the config
	file     string            // of the config
	releases []func()
	sources  *sources // of a dry server's only

	ways       map[string]bool // those to its handlers that make tunnels
	staleAfter time.Duration   // staleTunnels; negative is never
	letGo      func()          // release, made into a value once for all requests

	// refs counts the server's own hold on the generation and each request
	// under way that is not a tunnel. At zero it is gone for good.
	refs atomic.Int64
}

// port is one listening address of a generation.
type port struct {
	gen     *Generation
	key     string // the address as one spelling: "80", "127.0.0.1:80", "[::1]:80", "unix:/x"
	network string
	address string
	handler router.Handler
	errors  *proxy.ErrorPage // answers requests that no rule may see

	tls               *tls.Config  // nil: plain
	store             *certs.Store // nil: plain
	rootFile          string       // with selfSigned: the root that signs the certificates
	byACME            bool         // letsencrypt: true
	clientAuth        *clientAuth  // nil: no client certificates
	allowEncodedSlash bool
	trusted           []netip.Prefix
	front             *front.Settings
	limits            limits

	rules   int
	tallies []ruleTally  // by router.Rule.Number; the first is of what no rule answers
	service http.Handler // answers in the place of all of the above; nil for a port of the config

	private  bool // a socket that only the process' user may open
	optional bool // goes without, when it cannot be listened on
}

func newGeneration() *Generation {
	g := &Generation{ways: make(map[string]bool)}
	g.letGo = g.release
	g.refs.Store(1)
	return g
}

// hold keeps g from going until release. It is false when g has gone already,
// which a caller that has just read an old pointer must expect.
func (g *Generation) hold() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *Generation) release() {
	if g.refs.Add(-1) != 0 {
		return
	}
	for _, release := range g.releases {
		release()
	}
}

// Discard lets go of a generation that was built and will not be applied.
func (g *Generation) Discard() { g.release() }

func (g *Generation) port(key string) *port {
	for _, p := range g.ports {
		if p.key == key {
			return p
		}
	}
	return nil
}

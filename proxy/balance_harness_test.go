package proxy

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// node is an upstream that can die and come back at the same address. It
// answers with its name unless it has another handler.
type node struct {
	name    string
	address string
	seen    atomic.Int64 // requests that came
	handler http.HandlerFunc

	srv   *http.Server
	ended chan struct{}
}

func newNode(t testing.TB, name string, handler http.HandlerFunc) *node {
	t.Helper()
	n := &node{name: name, handler: handler, address: "127.0.0.1:0"}
	n.start(t)
	t.Cleanup(n.stop)
	return n
}

func (n *node) start(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", n.address)
	if err != nil {
		t.Fatal(err)
	}
	n.address = ln.Addr().String()
	n.srv = &http.Server{Handler: n, Protocols: new(http.Protocols)}
	n.srv.Protocols.SetHTTP1(true)
	n.srv.Protocols.SetUnencryptedHTTP2(true)
	n.ended = make(chan struct{})
	go func(srv *http.Server, ended chan struct{}) {
		defer close(ended)
		srv.Serve(ln)
	}(n.srv, n.ended)
}

// stop closes the address and every connection.
func (n *node) stop() {
	n.srv.Close()
	<-n.ended
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.seen.Add(1)
	if n.handler != nil {
		n.handler(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	io.WriteString(w, n.name)
}

// abcNodes are nodes with one letter as a name.
func abcNodes(t testing.TB, count int) []*node {
	t.Helper()
	var nodes []*node
	for i := range count {
		nodes = append(nodes, newNode(t, string(rune('A'+i)), nil))
	}
	return nodes
}

func addresses(nodes []*node) (list []string) {
	for _, n := range nodes {
		list = append(list, n.address)
	}
	return list
}

// clock is a time that only the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// balanced is a proxy of several targets under test.
type balanced struct {
	*Proxy
	clock *clock
	log   *lockedBuffer
	url   string
}

// newBalanced serves a proxy that chooses between the targets by s, whose
// weights are those of s.Members, if there are any. Nothing is tried again.
func newBalanced(t testing.TB, s BalancerSettings, targets ...string) *balanced {
	t.Helper()
	p := &Proxy{Tunnels: new(tunnel.Registry)}
	log := logTo(p)
	var mount mounted
	for i, text := range targets {
		var to *router.Target
		to, mount = parse(t, "*", text)
		hop := Hop{Target: to, Upstream: NewUpstream(UpstreamSettings{Scheme: to.Scheme})}
		t.Cleanup(hop.Upstream.Close)
		p.Hops = append(p.Hops, hop)
		if len(s.Members) <= i {
			s.Members = append(s.Members, MemberSettings{})
		}
		m := &s.Members[i]
		m.Scheme = to.Scheme
		var err error
		if m.Address, err = hop.Address(nil); err != nil {
			t.Fatal(err)
		}
		m.HostPort, _ = hop.HostPort(nil)
	}
	b := &balanced{Proxy: p, clock: newClock(), log: log}
	p.Balancer = NewBalancer(s, p.Log)
	p.Balancer.now = b.clock.now
	t.Cleanup(p.Balancer.Close)
	b.url = (&front{handler: mount.mount(p)}).start(t).URL
	return b
}

func weights(ws ...int) (members []MemberSettings) {
	for _, w := range ws {
		members = append(members, MemberSettings{Weight: w})
	}
	return members
}

// testClient makes a client that keeps no connection beyond the test.
func testClient(t testing.TB) *http.Client {
	tr := new(http.Transport)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// ask sends a GET and gives the body of a 200, or the status of another answer.
func (b *balanced) ask(t testing.TB, c *http.Client) string {
	t.Helper()
	resp, err := c.Get(b.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status[:3]
	}
	return string(body)
}

// sequence sends n requests one after the other and gives who answered.
func (b *balanced) sequence(t testing.TB, n int) string {
	t.Helper()
	c := testClient(t)
	var answers []string
	for range n {
		answers = append(answers, b.ask(t, c))
	}
	return strings.Join(answers, " ")
}

// lines gives what has been logged since, with addresses replaced by names.
func (b *balanced) lines(nodes []*node) []string {
	text := b.log.String()
	for _, n := range nodes {
		text = strings.ReplaceAll(text, n.address, n.name)
	}
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
}

// discard is a balancer's log that nobody reads.
var discard = slog.New(slog.DiscardHandler)

// h2cTarget names n as an HTTP/2 upstream.
func h2cTarget(n *node) string { return "h2c://" + n.address }

// tlsNode serves handler with a certificate that nobody trusts, and names it.
func tlsNode(t testing.TB, handler http.HandlerFunc) string {
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	return "https+insecure://" + s.Listener.Addr().String()
}

package proxy

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"httpmaster/router"
)

func TestRoundRobin(t *testing.T) {
	for _, tt := range []struct {
		name    string
		weights []int
		want    string
	}{
		{"equal", []int{1, 1, 1}, "A B C A B C A B C"},
		{"no weight is 1", []int{0, 0, 2}, "C A B C C A B C"},
		{"three to one", []int{3, 1}, "A A B A A A B A"},
		{"evenly mixed", []int{5, 1, 1}, "A A B A C A A A A B A C A A"},
		{"one", []int{7}, "A A A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nodes := abcNodes(t, len(tt.weights))
			b := newBalanced(t, BalancerSettings{Members: weights(tt.weights...)}, addresses(nodes)...)
			if got := b.sequence(t, len(strings.Fields(tt.want))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Targets of every scheme in one list, each with a path of its own.
func TestMixedSchemes(t *testing.T) {
	tell := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s:%d:%s", name, r.ProtoMajor, r.URL.Path)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: tell("unix")}
	var serving sync.WaitGroup
	serving.Go(func() { srv.Serve(ln) })
	t.Cleanup(func() { srv.Close(); serving.Wait() })
	plain, h2c := newNode(t, "", tell("plain")), newNode(t, "", tell("h2c"))
	b := newBalanced(t, BalancerSettings{},
		tlsNode(t, tell("tls"))+"/app/[path]", "unix:"+socket, h2cTarget(h2c), plain.address+"/x")
	want := "tls:1:/app/ unix:1:/ h2c:2:/ plain:1:/x"
	if got := b.sequence(t, 4); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// held answers with a name when the test says so.
type held struct {
	arrived chan string
	answer  map[string]chan struct{}
}

func (h *held) node(t testing.TB, name string) *node {
	answer := make(chan struct{})
	h.answer[name] = answer
	return newNode(t, name, func(w http.ResponseWriter, r *http.Request) {
		h.arrived <- name
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	})
}

func TestLeastConn(t *testing.T) {
	h := &held{arrived: make(chan string), answer: make(map[string]chan struct{})}
	nodes := []*node{h.node(t, "A"), h.node(t, "B")}
	b := newBalanced(t, BalancerSettings{Policy: LeastConn, Members: weights(2, 1)}, addresses(nodes)...)
	c := testClient(t)
	var requests sync.WaitGroup
	finished := make(chan struct{})
	ask := func() {
		requests.Go(func() {
			b.ask(t, c)
			finished <- struct{}{}
		})
	}
	// let has a request to name answered, and waits until the proxy knows.
	let := func(name string) {
		h.answer[name] <- struct{}{}
		mustReceive(t, finished)
	}
	var got []string
	next := func() {
		ask()
		got = append(got, mustReceive(t, h.arrived))
	}
	for range 6 { // A has twice as many
		next()
	}
	let("B")
	let("B")
	next()
	next() // B has room for two
	let("A")
	next() // A is below its share
	if got, want := strings.Join(got, ""), "AABABA"+"BB"+"A"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range 4 {
		let("A")
	}
	for range 2 {
		let("B")
	}
	requests.Wait()
	for _, m := range b.Balancer.members {
		if m.inUse != 0 {
			t.Errorf("%d requests still count", m.inUse)
		}
	}
}

func members(n int) (list []MemberSettings) {
	for i := range n {
		list = append(list, MemberSettings{Address: fmt.Sprintf("http://10.0.0.%d:8080", i+1)})
	}
	return list
}

// choices gives whom each of many clients gets, by client.
func choices(b *Balancer, clients []netip.Addr) map[netip.Addr]string {
	got := make(map[netip.Addr]string)
	for _, client := range clients {
		l := b.pick(&http.Request{}, &router.Match{Client: client}, nil)
		got[client] = l.m.name
		l.end()
	}
	return got
}

func TestIPHash(t *testing.T) {
	const each = 2500
	var clients []netip.Addr
	for i := range 4 * each {
		clients = append(clients, netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
	}
	s := BalancerSettings{Policy: IPHash, Members: members(3)}
	s.Members[2].Weight = 2
	before := choices(NewBalancer(s, discard), clients)
	count := make(map[string]int)
	for _, name := range before {
		count[name]++
	}
	t.Logf("of %d clients: %v", len(clients), count)
	for i, m := range s.Members {
		want := each * max(1, m.Weight)
		if got := count[m.Address]; got < want*95/100 || got > want*105/100 {
			t.Errorf("target %d has %d clients, about %d were its share", i, got, want)
		}
	}

	// The clients of a target that leaves go elsewhere, and nobody else does;
	// when it is down the same, and they come back with it.
	s.Members = s.Members[1:]
	without := choices(NewBalancer(s, discard), clients)
	s.Members = append(members(1), s.Members...)
	down := NewBalancer(s, discard)
	down.members[0].down = true
	ejected := choices(down, clients)
	gone := down.members[0].name
	for _, client := range clients {
		if before[client] != gone && (without[client] != before[client] || ejected[client] != before[client]) {
			t.Fatalf("%s went from %s to %s", client, before[client], without[client])
		}
		if without[client] == gone || without[client] != ejected[client] {
			t.Fatalf("%s is at %s without the target, at %s when it is down", client, without[client], ejected[client])
		}
	}
	down.members[0].down = false
	for client, name := range choices(down, clients) {
		if name != before[client] {
			t.Fatalf("%s is at %s afterwards, was at %s", client, name, before[client])
		}
	}
}

func TestIPHashOfOneClient(t *testing.T) {
	b := NewBalancer(BalancerSettings{Policy: IPHash, Members: members(50)}, discard)
	at := func(client string) string {
		addr, _ := netip.ParseAddr(client)
		return choices(b, []netip.Addr{addr})[addr]
	}
	for _, same := range [][2]string{
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8::1", "2001:db8::ffff:1"}, // the same /64
	} {
		if at(same[0]) != at(same[1]) {
			t.Errorf("%s and %s are at different targets", same[0], same[1])
		}
	}
	if at("2001:db8::1") == at("2001:db8:0:1::1") || at("192.0.2.1") == at("192.0.2.2") {
		t.Error("neighbours are at the same target") // they need not be: these are not
	}
	if first, second := at(""), at(""); first != "http://10.0.0.1:8080" || second != "http://10.0.0.2:8080" {
		t.Errorf("without an address: %s, then %s", first, second)
	}
}

// The same client always comes to the same node, over sockets.
func TestIPHashServes(t *testing.T) {
	nodes := abcNodes(t, 3)
	b := newBalanced(t, BalancerSettings{Policy: IPHash}, addresses(nodes)...)
	first := b.sequence(t, 1)
	if got, want := b.sequence(t, 4), strings.Join([]string{first, first, first, first}, " "); got != want {
		t.Errorf("got %s", got)
	}
}

func TestBalancerKey(t *testing.T) {
	s := func() BalancerSettings {
		return BalancerSettings{Policy: LeastConn, Members: members(2), Health: &HealthCheck{Path: "/h"}}
	}
	if again := s(); again.Key() != s().Key() {
		t.Error("equal settings have different keys")
	}
	for name, change := range map[string]func(*BalancerSettings){
		"policy":  func(s *BalancerSettings) { s.Policy = IPHash },
		"weight":  func(s *BalancerSettings) { s.Members[1].Weight = 2 },
		"order":   func(s *BalancerSettings) { s.Members[0], s.Members[1] = s.Members[1], s.Members[0] },
		"scheme":  func(s *BalancerSettings) { s.Members[0].Scheme = "h2c" },
		"check":   func(s *BalancerSettings) { s.Health.Path = "/i" },
		"nothing": func(s *BalancerSettings) { s.Health = nil },
		"eject":   func(s *BalancerSettings) { s.EjectAfter = -1 },
	} {
		other := s()
		change(&other)
		if other.Key() == s().Key() {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// A choice costs no allocation, whatever the policy.
func TestPickAllocates(t *testing.T) {
	for _, policy := range []Policy{RoundRobin, LeastConn, IPHash} {
		b := NewBalancer(BalancerSettings{Policy: policy, Members: members(5)}, discard)
		r, m := &http.Request{}, &router.Match{Client: netip.MustParseAddr("192.0.2.1")}
		allocs := testing.AllocsPerRun(100, func() {
			l := b.pick(r, m, nil)
			l.settle(nil)
			l.end()
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", policy, allocs)
		}
	}
}

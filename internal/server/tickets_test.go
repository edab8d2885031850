package server

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// returning is a client that connects anew for each request and comes back
// with the tickets it was given.
func returning(t *testing.T, cert *tls.Certificate, version uint16) func(addr, host string) *tls.ConnectionState {
	cache := tls.NewLRUClientSessionCache(0)
	return func(addr, host string) *tls.ConnectionState {
		t.Helper()
		c := showing(t, addr, cert, "HTTP/1.1")
		transport := c.Transport.(*http.Transport)
		transport.DisableKeepAlives = true
		transport.TLSClientConfig.ClientSessionCache = oneSession{cache}
		transport.TLSClientConfig.MaxVersion = version
		resp, err := c.Get("https://" + host + "/")
		if err != nil {
			return nil
		}
		body(t, resp)
		return resp.TLS
	}
}

// oneSession offers the last ticket to whatever host is asked for, as nobody
// should.
type oneSession struct{ tls.ClientSessionCache }

func (o oneSession) Get(string) (*tls.ClientSessionState, bool) { return o.ClientSessionCache.Get("") }
func (o oneSession) Put(_ string, s *tls.ClientSessionState)    { o.ClientSessionCache.Put("", s) }

func TestSessionsAreResumed(t *testing.T) {
	clients, others := newCA(t, "clients"), newCA(t, "others")
	certDir := newCA(t, "servers").folder(t, "a.com", "b.com")
	cert := clients.client(t, ann, time.Time{})
	ours, theirs := caFile(t, clients), caFile(t, others)
	both := caFile(t, clients, others)
	app := namesApp(t)
	for _, tt := range []struct {
		name          string
		first, second string // clientAuth of two ports
		host          string // asked for at the second
		resumed, ok   bool
	}{
		{"another port", "", "", "a.com", true, true},
		{"another port with the same authorities", asking("require", ours), asking("require", ours), "a.com", true, true},
		{"another host", "", "", "b.com", false, true},
		{"a port that asks for certificates", "", asking("require", ours), "a.com", false, true},
		{"a port that takes certificates", "", asking("request", ours), "a.com", false, true},
		{"a port that insists on them", asking("request", ours), asking("require", ours), "a.com", false, true},
		{"a port with more authorities", asking("require", ours), asking("require", both), "a.com", false, true},
		{"a port with other authorities", asking("require", ours), asking("require", theirs), "a.com", false, false},
		{"a port that asks for none", asking("require", ours), "", "a.com", false, true},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+"/"+tls.VersionName(version), func(t *testing.T) {
				addrs := freePorts(t, 2)
				config := func(i int, auth string) string { return identified(addrs[i], certDir, app, auth)[len("ports: {"):] }
				text := "ports: {" + config(0, tt.first)[:len(config(0, tt.first))-1] + ", " + config(1, tt.second)
				start(t, text)
				visit := returning(t, cert, version)
				if state := visit(addrs[0], "a.com"); state == nil || state.DidResume {
					t.Fatal("the first visit failed or resumed something")
				}
				state := visit(addrs[1], tt.host)
				if (state != nil) != tt.ok {
					t.Fatalf("the second visit: %v", state)
				}
				if state != nil && state.DidResume != tt.resumed {
					t.Errorf("resumed: %v", state.DidResume)
				}
			})
		}
	}
}

func TestSessionsSurviveReloads(t *testing.T) {
	clients, others := newCA(t, "clients"), newCA(t, "others")
	certDir := newCA(t, "servers").folder(t, "a.com")
	app := namesApp(t)
	addr := freePorts(t, 1)[0]
	auth := asking("require", caFile(t, clients))
	s := start(t, identified(addr, certDir, app, auth))
	visit := returning(t, clients.client(t, ann, time.Time{}), 0)
	if state := visit(addr, "a.com"); state == nil || state.DidResume {
		t.Fatal("the first visit failed or resumed something")
	}
	for i := range 3 {
		if err := s.apply(identified(addr, certDir, app, auth)); err != nil {
			t.Fatal(err)
		}
		if state := visit(addr, "a.com"); state == nil || !state.DidResume {
			t.Fatalf("not resumed after reload %d", i+1)
		}
	}
	if err := s.apply(identified(addr, certDir, app, asking("require", caFile(t, others)))); err != nil {
		t.Fatal(err)
	}
	if visit(addr, "a.com") != nil {
		t.Error("a ticket opens a port whose authorities would refuse its owner")
	}
}

// Keys are replaced each day and forgotten after a week.
func TestTicketKeysAreReplaced(t *testing.T) {
	now := time.Now()
	keys := &tls.Config{Time: func() time.Time { return now }}
	var config tls.Config
	shareTickets(&config, keys)
	state := tls.ConnectionState{ServerName: "a.com"}
	session := sessionOf(t)
	seal := func() []byte {
		ticket, err := config.WrapSession(state, session)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	opens := func(ticket []byte) bool {
		s, err := config.UnwrapSession(ticket, state)
		if err != nil {
			t.Fatal(err)
		}
		return s != nil
	}
	first := seal()
	now = now.Add(25 * time.Hour)
	second := seal()
	if !opens(first) || !opens(second) {
		t.Error("yesterday's or today's ticket is not taken")
	}
	now = now.Add(6*24*time.Hour + time.Minute)
	seal() // makes the key of the day, and forgets
	if opens(first) {
		t.Error("a ticket of last week is taken")
	}
	if !opens(second) {
		t.Error("a ticket of six days ago is not taken")
	}
	if opens([]byte("nonsense")) {
		t.Error("nonsense is taken")
	}
}

// sessionOf gives the state of a session, as crypto/tls hands it to be sealed.
func sessionOf(t *testing.T) (session *tls.SessionState) {
	t.Helper()
	addr := freePorts(t, 1)[0]
	start(t, fmt.Sprintf("ports: {%q: {router: {'*': 'reject -> 404'}, ssl: {certDir: %q}}}", addr, newCA(t, "servers").folder(t, "a.com")))
	cache := tls.NewLRUClientSessionCache(1)
	c := client(t, addr)
	c.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = cache
	get(t, c, "https://a.com/")
	kept, ok := cache.Get("a.com")
	if !ok {
		t.Fatal("no ticket was sent")
	}
	_, session, err := kept.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	return session
}

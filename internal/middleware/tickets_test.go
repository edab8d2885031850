package middleware

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"httpmaster/router"
)

func TestTakeTicket(t *testing.T) {
	for _, c := range []struct{ query, ticket, rest string }{
		{"", "", ""},
		{"a=b", "", "a=b"},
		{"ticket=hmt_x", "hmt_x", ""},
		{"a=b&ticket=hmt_x&c", "hmt_x", "a=b&c"},
		{"ticket=hmt_x&ticket=hmt_y", "hmt_x", ""},
		{"ticket=", "", "ticket="},
		{"ticket=ST-1-app", "", "ticket=ST-1-app"},
		{"myticket=hmt_x", "", "myticket=hmt_x"},
		{"a=ticket=hmt_x", "", "a=ticket=hmt_x"},
	} {
		r := &http.Request{URL: &url.URL{Path: "/p", RawQuery: c.query}, RequestURI: strings.TrimSuffix("/p?"+c.query, "?")}
		m := &router.Match{Query: c.query}
		TakeTicket(r, m)
		uri := strings.TrimSuffix("/p?"+c.rest, "?")
		if m.Ticket != c.ticket || m.Query != c.rest || r.URL.RawQuery != c.rest || r.RequestURI != uri {
			t.Errorf("%q: ticket %q, query %q and %q, URI %q", c.query, m.Ticket, m.Query, r.URL.RawQuery, r.RequestURI)
		}
	}
}

// ticketSite is a site with a route that gives tickets and one that takes them,
// served at the host of the request.
type ticketSite struct {
	addr   string
	clock  *clock
	users  *PasswordFile
	logged *logBuffer
}

func newTicketSite(t *testing.T) *ticketSite {
	users, clock, _ := passwordFile(t, "ann:"+shaOfSecret+"\nbob:"+shaOfSecret)
	others, _, _ := passwordFile(t, "ann:"+shaOfSecret)
	log, logged := newLog()
	tickets := NewTickets()
	tickets.now = clock.now
	auth := func(users *PasswordFile, next router.Handler) router.Handler {
		return &Auth{Users: users, Tickets: tickets, Refuse: refuse, Log: log, Next: next}
	}
	tunnel := handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		_, _ = fmt.Fprintf(w, "%s at %s %q", m.User, r.RequestURI, r.Header.Values("Authorization"))
	})
	routes := map[string]router.Handler{
		"/ticket": auth(users, &Ticket{Users: users, Tickets: tickets, Refuse: refuse}),
		"/tunnel": auth(users, tunnel),
		"/others": auth(others, tunnel),
	}
	addr := serve(t, handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		m.Host = "a.com"
		if host := r.Header.Get("X-Test-Host"); host != "" {
			m.Host = host
		}
		TakeTicket(r, m)
		routes[m.Path].Serve(w, r, m)
	}))
	return &ticketSite{addr: addr, clock: clock, users: users, logged: logged}
}

var answered = regexp.MustCompile(`^\{"ticket":"(hmt_[A-Za-z0-9_-]{43})","expires":15\}\n$`)

func (s *ticketSite) ticket(t *testing.T, user string) string {
	t.Helper()
	got := request(t, s.addr, "POST /ticket", basic(user, "secret"), "Content-Length: 0", "Origin: http://a.com", "Sec-Fetch-Site: same-origin")
	m := answered.FindStringSubmatch(got.body)
	if got.status != 200 || m == nil || !json.Valid([]byte(got.body)) {
		t.Fatalf("%d %q", got.status, got.body)
	}
	got.wantHeader(t, "Cache-Control", "no-store")
	got.wantHeader(t, "Content-Type", "application/json")
	return m[1]
}

func (s *ticketSite) open(t *testing.T, path, ticket string, header ...string) answer {
	t.Helper()
	return request(t, s.addr, "GET "+path+"?a=b&ticket="+ticket, append(header, "Upgrade: websocket")...)
}

func TestTicket(t *testing.T) {
	const in, needed = `ann at /tunnel?a=b []`, "a user name and a password are needed\n"
	tests := []struct {
		name   string
		path   string
		header []string
		before func(t *testing.T, s *ticketSite)
		status int
		log    string // reason
	}{
		{"right", "/tunnel", nil, nil, 200, ""},
		{"with its origin", "/tunnel", []string{"Origin: http://a.com"}, nil, 200, ""},
		{"of another user's browser", "/tunnel", []string{basic("bob", "secret")}, nil, 200, ""},
		{"just in time", "/tunnel", nil, func(_ *testing.T, s *ticketSite) { s.clock.advance(ticketLifetime - 1) }, 200, ""},
		{"expired", "/tunnel", nil, func(_ *testing.T, s *ticketSite) { s.clock.advance(ticketLifetime) }, 401, "it has expired or was used"},
		{"another host", "/tunnel", []string{"X-Test-Host: b.com"}, nil, 401, "it is for another host"},
		{"another file", "/others", nil, nil, 401, "it is for another password file"},
		{"another origin", "/tunnel", []string{"Origin: http://evil.com"}, nil, 401, "the page is of another origin"},
		{"no origin", "/tunnel", []string{"Origin: null"}, nil, 401, "the page is of another origin"},
		{"a changed password", "/tunnel", nil, func(t *testing.T, s *ticketSite) {
			writePasswords(t, s.users.name, "ann:"+shaOfSecret[:len("{SHA}")]+"AAAAAAAAAAAAAAAAAAAAAAAAAAA=", s.clock.at(-time.Minute))
			s.clock.advance(2 * time.Second)
		}, 401, "the user's password has changed"},
		{"a removed user", "/tunnel", nil, func(t *testing.T, s *ticketSite) {
			writePasswords(t, s.users.name, "bob:"+shaOfSecret, s.clock.at(-time.Minute))
			s.clock.advance(2 * time.Second)
		}, 401, "the user's password has changed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newTicketSite(t)
			ticket := s.ticket(t, "ann")
			if test.before != nil {
				test.before(t, s)
			}
			got := s.open(t, test.path, ticket, test.header...)
			if test.status == 200 {
				got.want(t, 200, in)
			} else {
				got.want(t, test.status, needed)
			}
			if strings.Contains(s.logged.String(), ticket) || test.log != "" && !strings.Contains(s.logged.String(), `level=INFO msg="ticket refused" client=127.0.0.1 rule="" reason="`+test.log) {
				t.Errorf("the log has %s", s.logged)
			}
			s.open(t, "/tunnel", ticket).want(t, 401, needed) // once is all, whatever came of it
		})
	}
}

func TestTicketIsForWebSockets(t *testing.T) {
	s := newTicketSite(t)
	ticket := s.ticket(t, "ann")
	request(t, s.addr, "GET /tunnel?ticket="+ticket).want(t, 401, "a user name and a password are needed\n")
	s.open(t, "/tunnel", "hmt_made-up").want(t, 401, "a user name and a password are needed\n")
	s.open(t, "/tunnel", "hmt_made-up", basic("bob", "secret")).want(t, 200, "bob at /tunnel?a=b []")
	request(t, s.addr, "POST /ticket?ticket="+ticket, "Content-Length: 0").want(t, 401, "a user name and a password are needed\n")
	s.open(t, "/tunnel", ticket).want(t, 200, "ann at /tunnel?a=b []")
}

func TestTicketRefusals(t *testing.T) {
	s := newTicketSite(t)
	const foreign = "tickets are for pages of this host\n"
	get := request(t, s.addr, "GET /ticket", basic("ann", "secret"))
	get.want(t, 405, "a ticket is asked for with POST\n")
	get.wantHeader(t, "Allow", "POST")
	post := func(header ...string) answer {
		return request(t, s.addr, "POST /ticket", append(header, "Content-Length: 0")...)
	}
	post().want(t, 401, "a user name and a password are needed\n")
	post(basic("ann", "wrong")).want(t, 401, "a user name and a password are needed\n")
	for _, header := range []string{"Origin: http://b.com", "Origin: null", "Origin: http://a.com:81", "Origin: ", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		post(basic("ann", "secret"), header).want(t, 403, foreign)
	}
	post(basic("ann", "secret"), "Origin: http://a.com", "Origin: http://a.com").want(t, 403, foreign)
}

func TestTicketsAreBounded(t *testing.T) {
	clock := newClock()
	tickets := NewTickets()
	tickets.now = clock.now
	ann := grant{file: "f", user: "ann"}
	first := tickets.issue(ann)
	second := tickets.issue(ann)
	for range maxTicketsPerUser - 1 {
		tickets.issue(ann)
	}
	if _, ok := tickets.redeem(first); ok {
		t.Error("a user has more tickets than allowed")
	}
	if g, ok := tickets.redeem(second); !ok || g != ann {
		t.Error("a ticket had to go for which there was room")
	}
	for i := range maxTickets + 100 {
		tickets.issue(grant{user: fmt.Sprint(i)})
	}
	if len(tickets.order) > maxTickets || len(tickets.known) > maxTickets {
		t.Errorf("there are %d tickets, %d in order", len(tickets.known), len(tickets.order))
	}
	clock.advance(ticketLifetime)
	last := tickets.issue(ann)
	if len(tickets.order) != 1 || len(tickets.known) != 1 {
		t.Errorf("when all but one have expired there are %d, %d in order", len(tickets.known), len(tickets.order))
	}
	if _, ok := tickets.redeem(last); !ok {
		t.Error("the one left is not good")
	}
}

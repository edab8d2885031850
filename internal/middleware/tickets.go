package middleware

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"httpmaster/router"
)

const (
	ticketPrefix      = "hmt_" // tells tickets from an application's own parameter of that name
	ticketLifetime    = 15 * time.Second
	maxTickets        = 16384 // at a time
	maxTicketsPerUser = 16    // of them for one user of one password file
)

// Tickets let those into a tunnel who have shown their password a moment ago:
// a browser sends no password when a page opens a WebSocket. A ticket is for one
// use within 15 seconds. A server has one Tickets, which outlives configs.
// NewTickets makes one.
//
// They are kept as SHA-256, so that how long a lookup takes says nothing about
// them.
type Tickets struct {
	now func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]*ticket
	order []*ticket // as issued, so the oldest come first; used ones too, until they expire
}

// NewTickets gives a server's Tickets, without any yet.
func NewTickets() *Tickets {
	return &Tickets{now: time.Now, known: make(map[[sha256.Size]byte]*ticket)}
}

// grant is what a ticket is good for.
type grant struct {
	file string // the password file
	user string
	hash string // of the user's password: another password makes the ticket void
	host string // that it was asked for at
}

type ticket struct {
	grant
	digest  [sha256.Size]byte
	expires time.Time
}

// issue makes a ticket. The oldest of the user's, or of all, make room for it.
func (t *Tickets) issue(g grant) string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	text := ticketPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	t.makeRoom(g)
	issued := &ticket{grant: g, digest: sha256.Sum256([]byte(text)), expires: t.now().Add(ticketLifetime)}
	t.known[issued.digest] = issued
	t.order = append(t.order, issued)
	return text
}

func (t *Tickets) makeRoom(g grant) {
	now := t.now()
	for len(t.order) > 0 && (len(t.order) >= maxTickets || !now.Before(t.order[0].expires)) {
		t.drop(0)
	}
	same, oldest := 0, 0
	for i, other := range t.order {
		if other.user == g.user && other.file == g.file {
			if same == 0 {
				oldest = i
			}
			same++
		}
	}
	if same >= maxTicketsPerUser {
		t.drop(oldest)
	}
}

func (t *Tickets) drop(i int) {
	delete(t.known, t.order[i].digest)
	t.order = append(t.order[:i], t.order[i+1:]...)
}

// redeem takes a ticket out and gives what it is good for.
func (t *Tickets) redeem(text string) (grant, bool) {
	digest := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.known[digest]
	if found == nil {
		return grant{}, false
	}
	delete(t.known, digest)
	return found.grant, t.now().Before(found.expires)
}

// TakeTicket takes a ticket out of the query of r, before anything matches, logs
// or forwards that, and puts it into m. An application's own parameter of that
// name stays.
func TakeTicket(r *http.Request, m *router.Match) {
	const parameter = "ticket=" + ticketPrefix
	if !strings.Contains(m.Query, parameter) {
		return
	}
	var rest []string
	for piece := range strings.SplitSeq(m.Query, "&") {
		if !strings.HasPrefix(piece, parameter) {
			rest = append(rest, piece)
		} else if m.Ticket == "" {
			m.Ticket = strings.TrimPrefix(piece, "ticket=")
		}
	}
	m.Query = strings.Join(rest, "&")
	r.URL.RawQuery = m.Query
	path, _, _ := strings.Cut(r.RequestURI, "?")
	r.RequestURI = path
	if m.Query != "" {
		r.RequestURI += "?" + m.Query
	}
}

// Ticket answers who has come through auth with a ticket, as JSON:
//
//	{"ticket":"hmt_...","expires":15}
//
// It is for pages of the same origin, and for programs that send none.
type Ticket struct {
	Users   *PasswordFile // of the auth before it
	Tickets *Tickets
	Refuse  Refuse
}

// Serve answers 405 to what is no POST, and 403 to a page of another origin.
func (t *Ticket) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	hash, known := t.Users.passwords().users[m.User]
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		t.Refuse(w, r, http.StatusMethodNotAllowed, "a ticket is asked for with POST")
	case !sameOrigin(r, m):
		t.Refuse(w, r, http.StatusForbidden, "tickets are for pages of this host")
	case !known:
		t.Refuse(w, r, http.StatusForbidden, "tickets are for users")
	default:
		text := t.Tickets.issue(grant{file: t.Users.name, user: m.User, hash: hash.text, host: m.Host})
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(`{"ticket":"` + text + `","expires":15}` + "\n"))
	}
}

// sameOrigin tells whether a request is no browser's, or that of a page of the
// host that it is for.
func sameOrigin(r *http.Request, m *router.Match) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	origin, ok := router.ParseOrigin(origins[0])
	return ok && len(origins) == 1 && origin.IsOf(m)
}

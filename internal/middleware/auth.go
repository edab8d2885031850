package middleware

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"httpmaster/router"
)

// DefaultRealm is what a browser shows when it asks for a password and the
// config names no realm.
const DefaultRealm = "Restricted"

// Auth lets through who knows a password of an htpasswd file (HTTP Basic, RFC
// 7617), upgrades included. What it let through has no Authorization header any
// more, and m.User is set.
//
// A wrong password costs the same time as an unknown user, unless the file
// mixes methods: then the time is that of the commonest. Each failure is one
// line in the log, with the message "auth failure" and the attributes client,
// user and rule, in this order: the client's address stands before anything
// that the client can choose, so that the filter in examples/ for fail2ban
// cannot be misled by a user's name. A request without credentials is no
// failure; a browser's first always is one.
//
// What Lockout says counts for all Auth elements with the same Users: for each
// client, an IPv4 address or an IPv6 network of 64 bits. The same wrong password
// several times in a row, as a program sends it that has an old one, counts once.
type Auth struct {
	Users   *PasswordFile
	Realm   string // "" means DefaultRealm
	Lockout Lockout
	Tickets *Tickets // taken on WebSocket handshakes; nil for none
	Refuse  Refuse
	Log     *slog.Logger
	Next    router.Handler

	Failures *atomic.Int64 // counts wrong passwords; nil for nobody
}

// Serve answers 401 unless the request has the password of a user, 429 to who
// is locked out, and 503 while too many passwords are being checked.
func (a *Auth) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if user, ok := a.byTicket(r, m); ok {
		r.Header.Del("Authorization")
		m.User = user
		a.Next.Serve(w, r, m)
		return
	}
	credentials := r.Header.Get("Authorization")
	if credentials == "" {
		credentials = m.Authorization
	}
	if !isBasic(credentials) {
		a.challenge(w, r)
		return
	}
	user, password, ok := basicAuth(credentials)
	if !ok {
		user, password = "", credentials // a failure like any other
	}
	right, err := a.Users.checker.check(r.Context(), a.Users.passwords(), user, password, client{m.Client, a.Lockout})
	if ok && right {
		r.Header.Del("Authorization")
		m.User, m.Authorization = user, credentials
		a.Next.Serve(w, r, m)
		return
	}
	a.fail(w, r, m, user, err)
}

// byTicket gives the user whose ticket the request has.
func (a *Auth) byTicket(r *http.Request, m *router.Match) (user string, ok bool) {
	if m.Ticket == "" || a.Tickets == nil || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return "", false
	}
	g, ok := a.Tickets.redeem(m.Ticket)
	m.Ticket = ""
	hash, known := a.Users.passwords().users[g.user]
	why := ""
	switch {
	case !ok:
		why = "it has expired or was used"
	case g.file != a.Users.name:
		why = "it is for another password file"
	case g.host != m.Host:
		why = "it is for another host"
	case !known || hash.text != g.hash:
		why = "the user's password has changed"
	case !sameOrigin(r, m):
		why = "the page is of another origin"
	default:
		return g.user, true
	}
	a.Log.Info("ticket refused", "client", clientText(m), "rule", ruleText(m), "reason", why)
	return "", false
}

// fail answers a request whose password is wrong or was not looked at.
func (a *Auth) fail(w http.ResponseWriter, r *http.Request, m *router.Match, user string, err error) {
	locked, isLocked := errors.AsType[*lockedError](err)
	if err == nil || isLocked && locked.now {
		a.logFailure(user, m)
	}
	switch {
	case err == nil:
		a.challenge(w, r)
	case isLocked:
		if locked.now {
			a.Log.Warn("address locked out", "client", m.Client, "failures", locked.failures, "until", locked.until.Format(time.RFC3339))
		}
		wait := locked.until.Sub(a.Users.now())
		seconds := max(1, int((wait+time.Second-1)/time.Second))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		a.Refuse(w, r, http.StatusTooManyRequests, "too many wrong passwords came from your address, try again later")
	default:
		w.Header().Set("Retry-After", "5")
		a.Refuse(w, r, http.StatusServiceUnavailable, "too many people are logging in at the moment")
	}
}

func (a *Auth) challenge(w http.ResponseWriter, r *http.Request) {
	realm := a.Realm
	if realm == "" {
		realm = DefaultRealm
	}
	w.Header().Set("WWW-Authenticate", "Basic realm="+quoted(realm)+`, charset="UTF-8"`)
	a.Refuse(w, r, http.StatusUnauthorized, "a user name and a password are needed")
}

func (a *Auth) logFailure(user string, m *router.Match) {
	const enough = 64
	if len(user) > enough {
		user = user[:enough] + "..."
	}
	if a.Failures != nil {
		a.Failures.Add(1)
	}
	a.Log.Warn("auth failure", "client", clientText(m), "user", user, "rule", ruleText(m))
}

func ruleText(m *router.Match) string {
	if m.Rule == nil {
		return ""
	}
	return m.Rule.String()
}

func clientText(m *router.Match) string {
	if !m.Client.IsValid() {
		return "unix"
	}
	return m.Client.String()
}

func isBasic(credentials string) bool {
	scheme, _, _ := strings.Cut(credentials, " ")
	return strings.EqualFold(scheme, "Basic")
}

// basicAuth takes user and password out of a header's value.
func basicAuth(credentials string) (user, password string, ok bool) {
	r := http.Request{Header: http.Header{"Authorization": {credentials}}}
	return r.BasicAuth()
}

// quoted writes a realm as a quoted-string (RFC 9110, 5.6.4), without the
// control characters that one cannot have.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case isControl(c):
			continue
		case c == '"', c == '\\':
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	b.WriteByte('"')
	return b.String()
}

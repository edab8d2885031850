package middleware

import (
	"log/slog"
	"net/http"
	"strings"

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
// that the client can choose, so that for fail2ban
//
//	failregex = ^[^"=]*WARN\s+auth failure client=<HOST>\s
//
// cannot be misled by a user's name. A request without credentials is no
// failure; a browser's first always is one.
type Auth struct {
	Users  *PasswordFile
	Realm  string // "" means DefaultRealm
	Refuse Refuse
	Log    *slog.Logger
	Next   router.Handler
}

// Serve answers 401 unless the request has the password of a user, and 503
// while too many passwords are being checked.
func (a *Auth) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	credentials := r.Header.Get("Authorization")
	if credentials == "" {
		credentials = m.Authorization
	}
	if !isBasic(credentials) {
		a.challenge(w, r)
		return
	}
	user, password, ok := basicAuth(credentials)
	if ok {
		var err error
		ok, err = a.Users.checker.check(r.Context(), a.Users.passwords(), user, password)
		if err != nil {
			w.Header().Set("Retry-After", "5")
			a.Refuse(w, r, http.StatusServiceUnavailable, "too many people are logging in at the moment")
			return
		}
	}
	if !ok {
		a.logFailure(user, m)
		a.challenge(w, r)
		return
	}
	r.Header.Del("Authorization")
	m.User, m.Authorization = user, credentials
	a.Next.Serve(w, r, m)
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
	rule := ""
	if m.Rule != nil {
		rule = m.Rule.String()
	}
	client := "unix"
	if m.Client.IsValid() {
		client = m.Client.String()
	}
	a.Log.Warn("auth failure", "client", client, "user", user, "rule", rule)
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

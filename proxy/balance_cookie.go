package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
)

// idBytes is the length of a target's name in a cookie. It is short on
// purpose: so many addresses share each name that none can be guessed from it.
const idBytes = 2

// newID gives a name for the target to stand in cookies. It is the same after
// a restart, and tells nothing of the address. Should it be taken, it is drawn
// again.
func (b *Balancer) newID(identity string) string {
	for try := 0; ; try++ {
		mac := hmac.New(sha256.New, []byte(b.settings.Salt))
		mac.Write([]byte(identity + "\x00" + strconv.Itoa(try)))
		id := hex.EncodeToString(mac.Sum(nil)[:idBytes])
		if !slices.ContainsFunc(b.members, func(m *member) bool { return m.id == id }) {
			return id
		}
	}
}

// namedBy gives the member that a cookie of r names, if it is in from.
func (b *Balancer) namedBy(r *http.Request, from []*member) *member {
	for _, cookie := range r.CookiesNamed(b.settings.Cookie) {
		for _, m := range from {
			if m.id == cookie.Value {
				return m
			}
		}
	}
	return nil
}

// stick adds to h, the header of the response, the cookie that brings the
// client back to the target that gives it, unless the client has that already.
func (x *exchange) stick(h http.Header) {
	l := &x.lease
	if l.m == nil || l.b.settings.Policy != Sticky || l.b.namedBy(x.r, []*member{l.m}) != nil {
		return
	}
	cookie := http.Cookie{
		Name:     l.b.settings.Cookie,
		Value:    l.m.id,
		Path:     "/",
		HttpOnly: true,
		Secure:   x.m.TLS,
		SameSite: http.SameSiteLaxMode,
	}
	old := h["Set-Cookie"]
	h["Set-Cookie"] = append(old[:len(old):len(old)], cookie.String())
}

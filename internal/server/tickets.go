package server

import (
	"crypto/tls"
	"slices"
)

// ticketKeys gives the keys that session tickets are sealed with (RFC 8446,
// section 4.6.1). Left to itself every tls.Config has keys of its own, and a
// reload makes new ones: all clients would have to shake hands in full. So one
// config that serves nothing lends its keys, which crypto/tls makes, replaces
// each day and forgets after a week, to all ports that ask the same of their
// clients. Ports that ask something else have others: a ticket says that its
// owner has been verified, and by whom must not be in doubt.
func (b *builder) ticketKeys(auth *clientAuth) *tls.Config {
	keys, release, _ := b.server.shared.tickets.get(auth.key(), func() (*tls.Config, error) { return new(tls.Config), nil })
	b.gen.releases = append(b.gen.releases, release)
	return keys
}

// shareTickets makes c seal its tickets with keys.
func shareTickets(c, keys *tls.Config) {
	c.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, ticketFor(state))
		return keys.EncryptTicket(state, session)
	}
	c.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := keys.DecryptTicket(ticket, state)
		if err != nil || session == nil {
			return nil, err
		}
		for _, extra := range session.Extra {
			if slices.Equal(extra, ticketFor(state)) {
				return session, nil
			}
		}
		return nil, nil
	}
}

// ticketFor is written into a ticket: it resumes sessions with the name it was
// made for and no other (RFC 6066, section 3). Whoever leads a client to
// another port of the process gains nothing by its ticket for another host.
func ticketFor(state tls.ConnectionState) []byte { return []byte("sni " + state.ServerName) }

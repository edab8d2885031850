package tunnel

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// tokens are the proofs that a server accepts for one session, as hashes. Each
// WELCOME brings a new one. Until the client has shown that it has got it, the
// one before is accepted too, for a WELCOME can be lost.
type tokens struct {
	current, next       [sha256.Size]byte
	hasCurrent, hasNext bool
}

// renew makes the next token.
func (t *tokens) renew() token {
	var secret token
	rand.Read(secret[:])
	t.next, t.hasNext = sha256.Sum256(secret[:]), true
	return secret
}

// confirm makes the next token the only one: the client has it.
func (t *tokens) confirm() {
	if t.hasNext {
		t.current, t.hasCurrent = t.next, true
		t.hasNext = false
	}
}

// accept says whether secret is one of the tokens. How long it takes tells
// nothing about them.
func (t *tokens) accept(secret token) bool {
	hash := sha256.Sum256(secret[:])
	isNext := t.hasNext && subtle.ConstantTimeCompare(hash[:], t.next[:]) == 1
	isCurrent := t.hasCurrent && subtle.ConstantTimeCompare(hash[:], t.current[:]) == 1
	if isNext {
		t.confirm()
	}
	return isNext || isCurrent
}

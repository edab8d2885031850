package middleware

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"httpmaster/router"
)

// Lockout is when a client that sends wrong passwords is turned away for a while
// without a look at what it sends. The zero Lockout is never.
type Lockout struct {
	Failures int           // wrong passwords after which; 0 means never
	Within   time.Duration // in which they count
	For      time.Duration // how long
}

// maxFailing bounds the clients whose wrong passwords are remembered.
const maxFailing = 1 << 16

// lockedError says that a client is turned away.
type lockedError struct {
	until    time.Time
	failures int  // how many it took
	now      bool // the password at hand was the last of them
}

func (e *lockedError) Error() string {
	return fmt.Sprintf("locked out after %d wrong passwords until %s", e.failures, e.until.Format(time.RFC3339))
}

// failures are the wrong passwords of late. A client is what router.Subscriber
// says. One without an address is never locked out, nor is this machine: there
// all clients look alike, be it because a proxy stands before us.
type failures struct {
	now func() time.Time

	mu sync.Mutex
	of map[netip.Addr]*failing
}

// failing is what is remembered of one client.
type failing struct {
	count   int
	expires time.Time         // when count begins anew; the lockout's end once there is one
	locked  bool              // until expires
	last    [sha256.Size]byte // the latest of them
}

// client is whom a password comes from.
type client struct {
	addr    netip.Addr
	lockout Lockout
}

func (c client) counts() bool {
	return c.lockout.Failures > 0 && c.addr.IsValid() && !c.addr.Unmap().IsLoopback()
}

// check gives a *lockedError if c is locked out, and otherwise whether digest
// was its latest wrong password.
func (f *failures) check(c client, digest [sha256.Size]byte) (repeated bool, err error) {
	if !c.counts() {
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.find(router.Subscriber(c.addr))
	switch {
	case e == nil:
		return false, nil
	case e.locked:
		return false, &lockedError{until: e.expires, failures: e.count}
	}
	return e.last == digest, nil
}

// add counts a wrong password, and gives a *lockedError if it was one too many.
func (f *failures) add(c client, digest [sha256.Size]byte) error {
	if !c.counts() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	addr := router.Subscriber(c.addr)
	e := f.find(addr)
	if e == nil {
		f.makeRoom()
		e = &failing{expires: f.now().Add(c.lockout.Within)}
		f.of[addr] = e
	}
	if e.locked || e.last == digest {
		return nil // others were checked at the same time
	}
	e.count++
	e.last = digest
	if e.count < c.lockout.Failures {
		return nil
	}
	e.locked = true
	e.expires = f.now().Add(c.lockout.For)
	return &lockedError{until: e.expires, failures: e.count, now: true}
}

// find gives what is remembered of a client and still counts.
func (f *failures) find(addr netip.Addr) *failing {
	e := f.of[addr]
	if e != nil && !f.now().Before(e.expires) {
		delete(f.of, addr)
		return nil
	}
	return e
}

// makeRoom keeps the clients within their bound. Those that are locked out are
// the last to be forgotten.
func (f *failures) makeRoom() {
	if f.of == nil {
		f.of = make(map[netip.Addr]*failing)
	}
	if len(f.of) < maxFailing {
		return
	}
	now := f.now()
	f.forget(func(e *failing) bool { return !now.Before(e.expires) }, 0)
	if len(f.of) < maxFailing {
		return
	}
	// Half of them at a time, or every request of a flood would look through
	// all of them again.
	f.forget(func(e *failing) bool { return !e.locked }, maxFailing/2)
	f.forget(func(*failing) bool { return true }, maxFailing/2)
}

// forget drops what is true for which, while there are more than enough.
func (f *failures) forget(which func(*failing) bool, enough int) {
	for addr, e := range f.of {
		if len(f.of) <= enough {
			return
		}
		if which(e) {
			delete(f.of, addr)
		}
	}
}

package middleware

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxPassword     = 512         // bytes; bcrypt looks at 72, and some methods take the square of the length
	successLifetime = time.Minute // how long a right password need not be hashed again
	maxSuccesses    = 1024        // how many are remembered
	checksWaiting   = 64          // for each slot, before further ones are turned away
)

// errBusy says that too many passwords are being checked to take another one.
var errBusy = errors.New("too many passwords are being checked")

// passwordChecker hashes passwords, on half of the processors at most, and
// remembers for a short time those that were right: a page of fifty pictures
// does not cost fifty times bcrypt. Clients with too many wrong ones are turned
// away before anything is hashed, and a client's latest wrong password is not
// hashed again either.
type passwordChecker struct {
	now      func() time.Time
	slots    chan struct{}
	waiting  atomic.Int32
	failures failures

	// What is remembered is a keyed digest of user, password and hash, so
	// that memory holds no password, and an entry of the file that changes is
	// a different key.
	key [32]byte

	mu        sync.Mutex
	successes map[[sha256.Size]byte]time.Time // until when
}

func newPasswordChecker(now func() time.Time) *passwordChecker {
	c := &passwordChecker{
		now:       now,
		slots:     make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		failures:  failures{now: now},
		successes: make(map[[sha256.Size]byte]time.Time),
	}
	rand.Read(c.key[:]) // never fails
	return c
}

// check says whether password is user's. The error is a *lockedError, errBusy,
// or the context's when the client left while others were being checked.
func (c *passwordChecker) check(ctx context.Context, p *passwords, user, password string, from client) (bool, error) {
	hash, known := p.users[user]
	if !known {
		hash = p.decoy
	}
	digest := c.digest(user, password, hash.text)
	if repeated, err := c.failures.check(from, digest); err != nil || repeated {
		return false, err
	}
	if len(password) > maxPassword || hash.matches == nil {
		return false, c.failures.add(from, digest)
	}
	if known && c.remembered(digest) {
		return true, nil
	}
	right, err := c.hash(ctx, hash, password, from, digest)
	if err != nil {
		return false, err
	}
	if !right || !known {
		return false, c.failures.add(from, digest)
	}
	c.remember(digest)
	return true, nil
}

// hash checks password when it is its turn, unless the client was locked out
// in the meantime.
func (c *passwordChecker) hash(ctx context.Context, hash passwordHash, password string, from client, digest [sha256.Size]byte) (bool, error) {
	if c.waiting.Add(1) > int32(checksWaiting*cap(c.slots)) {
		c.waiting.Add(-1)
		return false, errBusy
	}
	defer c.waiting.Add(-1)
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-c.slots }()
	if repeated, err := c.failures.check(from, digest); err != nil || repeated {
		return false, err
	}
	return hash.matches([]byte(password)), nil
}

func (c *passwordChecker) digest(user, password, hash string) (digest [sha256.Size]byte) {
	mac := hmac.New(sha256.New, c.key[:])
	// A zero byte ends each: user and hash have none, so there is one way
	// only to read the whole.
	mac.Write([]byte(user + "\x00" + hash + "\x00" + password))
	mac.Sum(digest[:0])
	return digest
}

func (c *passwordChecker) remembered(digest [sha256.Size]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, found := c.successes[digest]
	return found && c.now().Before(until)
}

func (c *passwordChecker) remember(digest [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if len(c.successes) >= maxSuccesses {
		for d, until := range c.successes {
			if !now.Before(until) {
				delete(c.successes, d)
			}
		}
	}
	// All of them still good: any one makes room, and is hashed again when
	// it is next needed.
	for d := range c.successes {
		if len(c.successes) < maxSuccesses {
			break
		}
		delete(c.successes, d)
	}
	c.successes[digest] = now.Add(successLifetime)
}

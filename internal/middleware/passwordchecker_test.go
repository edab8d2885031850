package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted is passwords whose checks are counted instead of hashed.
func counted(right string) (*passwords, *atomic.Int32) {
	n := new(atomic.Int32)
	hash := passwordHash{text: "hash", cost: "x", matches: func(password []byte) bool {
		n.Add(1)
		return string(password) == right
	}}
	return &passwords{users: map[string]passwordHash{"ann": hash}, decoy: hash}, n
}

func mustCheck(t *testing.T, c *passwordChecker, p *passwords, user, password string) bool {
	t.Helper()
	ok, err := c.check(t.Context(), p, user, password, client{})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestUnknownUserCostsAsMuchAsAKnownOne(t *testing.T) {
	p, checks := counted("secret")
	c := newPasswordChecker(time.Now)
	for i, user := range []string{"ann", "eve", "", "ann", "eve"} {
		if mustCheck(t, c, p, user, "wrong") {
			t.Errorf("%q is let in", user)
		}
		if got := checks.Load(); got != int32(i+1) {
			t.Errorf("after %q there were %d checks, want %d", user, got, i+1)
		}
	}
	if mustCheck(t, c, p, "eve", "secret") {
		t.Error("an unknown user is let in with the password of the decoy")
	}
	if mustCheck(t, c, p, "eve", "secret"); checks.Load() != 7 {
		t.Error("the answer for an unknown user was remembered")
	}
}

func TestNoUsersNobodyIn(t *testing.T) {
	if mustCheck(t, newPasswordChecker(time.Now), new(passwords), "", "") {
		t.Error("an empty file lets in")
	}
}

func TestRightPasswordIsRemembered(t *testing.T) {
	p, checks := counted("secret")
	clock := newClock()
	c := newPasswordChecker(clock.now)
	want := func(password string, ok bool, n int32) {
		t.Helper()
		if got := mustCheck(t, c, p, "ann", password); got != ok || checks.Load() != n {
			t.Errorf("got %v after %d checks, want %v after %d", got, checks.Load(), ok, n)
		}
	}
	want("secret", true, 1)
	want("secret", true, 1)
	want("wrong", false, 2)
	want("wrong", false, 3)
	clock.advance(successLifetime)
	want("secret", true, 4)

	changed, other := counted("new")
	hash := changed.users["ann"]
	hash.text = "other hash"
	changed.users["ann"] = hash
	if mustCheck(t, c, changed, "ann", "secret") || other.Load() != 1 {
		t.Error("the old password is still taken from memory after the entry changed")
	}
	delete(changed.users, "ann")
	if mustCheck(t, c, changed, "ann", "secret") {
		t.Error("a removed user is let in from memory")
	}
}

func TestRememberedPasswordsAreBounded(t *testing.T) {
	p, _ := counted("")
	hash := p.users["ann"]
	hash.matches = func([]byte) bool { return true }
	p.users["ann"] = hash
	clock := newClock()
	c := newPasswordChecker(clock.now)
	for i := range maxSuccesses + 100 {
		mustCheck(t, c, p, "ann", fmt.Sprint(i))
	}
	if len(c.successes) != maxSuccesses {
		t.Errorf("%d are remembered, want %d", len(c.successes), maxSuccesses)
	}
	clock.advance(successLifetime)
	mustCheck(t, c, p, "ann", "one more")
	if len(c.successes) != 1 {
		t.Errorf("%d are remembered after all but one are too old", len(c.successes))
	}
}

func TestChecksInParallelAreBounded(t *testing.T) {
	var running, most atomic.Int32
	started, release := make(chan struct{}, 100), make(chan struct{})
	hash := passwordHash{text: "hash", cost: "x", matches: func([]byte) bool {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		started <- struct{}{}
		<-release
		running.Add(-1)
		return false
	}}
	p := &passwords{users: map[string]passwordHash{"ann": hash}, decoy: hash}
	c := newPasswordChecker(time.Now)
	var all sync.WaitGroup
	for range cap(c.slots) + 3 {
		all.Go(func() { mustCheck(t, c, p, "ann", "x") })
	}
	for range cap(c.slots) {
		<-started
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.check(ctx, p, "ann", "x", client{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left gets %v", err)
	}
	close(release)
	all.Wait()
	if got := most.Load(); got != int32(cap(c.slots)) {
		t.Errorf("%d checks ran at once, want %d", got, cap(c.slots))
	}
	if c.waiting.Load() != 0 || len(c.slots) != 0 {
		t.Errorf("%d are still waiting, %d slots taken", c.waiting.Load(), len(c.slots))
	}
}

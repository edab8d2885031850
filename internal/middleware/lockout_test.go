package middleware

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"httpmaster/router"
)

// clientFrom serves requests as if they came from the address in a header.
func clientFrom(h router.Handler) router.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request, m *router.Match) {
		m.Client, _ = netip.ParseAddr(r.Header.Get("X-Test-Client")) // without: a Unix socket's
		h.Serve(w, r, m)
	})
}

func TestLockout(t *testing.T) {
	users, clock, _ := passwordFile(t, "ann:"+shaOfSecret)
	log, logged := newLog()
	a := &Auth{Users: users, Lockout: Lockout{Failures: 3, Within: 10 * time.Minute, For: 15 * time.Minute}, Refuse: refuse, Log: log, Next: seen}
	addr := serve(t, clientFrom(a))
	const (
		needed = "a user name and a password are needed\n"
		locked = "too many wrong passwords came from your address, try again later\n"
	)
	ask := func(client, password string) answer {
		return request(t, addr, "GET /", "X-Test-Client: "+client, basic("ann", password))
	}
	ask("192.0.2.1", "one").want(t, 401, needed)
	for range 5 { // a program with an old password
		ask("192.0.2.1", "two").want(t, 401, needed)
	}
	request(t, addr, "GET /", "X-Test-Client: 192.0.2.1").want(t, 401, needed) // no credentials, no failure
	ask("192.0.2.1", "secret").want(t, 200, "ann []")
	logged.reset()
	last := ask("192.0.2.1", "three")
	last.want(t, 429, locked)
	last.wantHeader(t, "Retry-After", "900")
	want := "level=WARN msg=\"auth failure\" client=192.0.2.1 user=ann rule=\"\"\n" +
		"level=WARN msg=\"address locked out\" client=192.0.2.1 failures=3 until=" + clock.at(15*time.Minute).Format(time.RFC3339) + "\n"
	if logged.String() != want {
		t.Errorf("the log has\n%swant\n%s", logged, want)
	}
	logged.reset()
	clock.advance(5 * time.Minute)
	right := ask("::ffff:192.0.2.1", "secret")
	right.want(t, 429, locked)
	right.wantHeader(t, "Retry-After", "600")
	echo(t, addr, "x", "X-Test-Client: 192.0.2.1", basic("ann", "secret")).want(t, 429, locked)
	request(t, addr, "GET /", "X-Test-Client: 192.0.2.1").want(t, 401, needed)
	ask("192.0.2.2", "secret").want(t, 200, "ann []")
	if logged.String() != "" {
		t.Errorf("a locked out address is logged again: %s", logged)
	}
	clock.advance(10 * time.Minute)
	ask("192.0.2.1", "secret").want(t, 200, "ann []")
	ask("192.0.2.1", "four").want(t, 401, needed) // counted from the beginning
}

func TestLockoutCounts(t *testing.T) {
	minute := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	tests := []struct {
		name    string
		lockout Lockout
		clients []string        // each sends a wrong password, a different one each
		pauses  []time.Duration // before it
		locked  bool            // the last one is turned away
	}{
		{"one client", Lockout{2, minute(10), minute(15)}, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, nil, true},
		{"one network", Lockout{2, minute(10), minute(15)}, []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"}, nil, true},
		{"two networks", Lockout{2, minute(10), minute(15)}, []string{"2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"}, nil, false},
		{"slowly", Lockout{2, minute(10), minute(15)}, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, []time.Duration{0, minute(10), minute(10)}, false},
		{"this machine", Lockout{2, minute(10), minute(15)}, []string{"127.0.0.1", "127.0.0.1", "127.0.0.1"}, nil, false},
		{"this machine, v6", Lockout{2, minute(10), minute(15)}, []string{"::1", "::1", "::1"}, nil, false},
		{"this machine, mapped", Lockout{2, minute(10), minute(15)}, []string{"::ffff:127.0.0.1", "::ffff:127.0.0.1", "::ffff:127.0.0.1"}, nil, false},
		{"a Unix socket", Lockout{2, minute(10), minute(15)}, []string{"", "", ""}, nil, false},
		{"off", Lockout{}, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := newClock()
			p, checks := counted("secret")
			c := newPasswordChecker(clock.now)
			var err error
			for i, text := range test.clients {
				if test.pauses != nil {
					clock.advance(test.pauses[i])
				}
				addr, _ := netip.ParseAddr(text)
				_, err = c.check(t.Context(), p, "ann", fmt.Sprint(i), client{addr, test.lockout})
			}
			_, locked := errors.AsType[*lockedError](err)
			if locked != test.locked {
				t.Errorf("the last one got %v", err)
			}
			if want := int32(len(test.clients)); !locked && checks.Load() != want || locked && checks.Load() != 2 {
				t.Errorf("%d passwords were hashed", checks.Load())
			}
		})
	}
}

// However many passwords come at once, hashing ends with the one that is one too
// many.
func TestLockoutOfManyAtOnce(t *testing.T) {
	var checks atomic.Int32
	release := make(chan struct{})
	hash := passwordHash{text: "hash", cost: "x", matches: func([]byte) bool {
		checks.Add(1)
		<-release
		return false
	}}
	p := &passwords{users: map[string]passwordHash{"ann": hash}, decoy: hash}
	c := newPasswordChecker(time.Now)
	from := client{netip.MustParseAddr("192.0.2.1"), Lockout{3, time.Hour, time.Hour}}
	var all sync.WaitGroup
	for i := range checksWaiting {
		all.Go(func() { _, _ = c.check(context.Background(), p, "ann", fmt.Sprint(i), from) })
	}
	close(release)
	all.Wait()
	if most := int32(3 + cap(c.slots) - 1); checks.Load() > most {
		t.Errorf("%d were hashed, want at most %d", checks.Load(), most)
	}
}

func TestLockoutIsBounded(t *testing.T) {
	clock := newClock()
	f := failures{now: clock.now}
	lockout := Lockout{2, time.Hour, 2 * time.Hour}
	wrong := func(i byte) [sha256.Size]byte { return [sha256.Size]byte{1, i} }
	bad := client{netip.MustParseAddr("192.0.2.1"), lockout}
	_ = f.add(bad, wrong(0))
	_ = f.add(bad, wrong(1))
	for i := range maxFailing + 10 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if err := f.add(client{addr, lockout}, wrong(0)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.of); n > maxFailing || n < maxFailing/2 {
		t.Errorf("%d are remembered", n)
	}
	if _, err := f.check(bad, wrong(2)); err == nil || !strings.HasPrefix(err.Error(), "locked out after 2 wrong passwords until ") {
		t.Errorf("who is locked out was forgotten before others: %v", err)
	}
	clock.advance(2 * time.Hour)
	for i := range maxFailing {
		addr := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
		_ = f.add(client{addr, lockout}, wrong(0))
	}
	for addr := range f.of {
		if addr.As4()[0] != 11 {
			t.Fatalf("%v is remembered longer than it counts", addr)
		}
	}
}

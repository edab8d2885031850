package middleware

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"httpmaster/router"
)

// limitShards and limitEntries bound what Limit remembers: about 8 MiB, however
// many addresses ask.
const (
	limitShards  = 16
	limitEntries = 4096 // per shard
)

// Limit lets each client ask Rate times a second, after Burst requests at once,
// and answers 429 with Retry-After to what is more. A client is an IPv4
// address or an IPv6 network of 64 bits, which is what one subscriber has. All
// who come by a Unix socket, without an address, count as one.
//
// It forgets clients that have their whole burst again. While more than 65,536
// others ask, some are forgotten early, which is in their favour.
type Limit struct {
	Rate   float64 // requests a second, more than 0
	Burst  int     // at least 1
	Refuse Refuse
	Next   router.Handler

	Refused *atomic.Int64 // counts the requests answered with 429; nil for nobody

	now    func() time.Time // nil means time.Now
	shards [limitShards]limitShard
}

// limitShard has for each client the time at which it will have its whole burst
// again (the "theoretical arrival time" of the generic cell rate algorithm), in
// nanoseconds.
type limitShard struct {
	mu   sync.Mutex
	full map[netip.Addr]int64
}

var limitSeed = maphash.MakeSeed()

// Serve passes the request on or refuses it.
func (l *Limit) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	wait := l.take(m.Client)
	if wait == 0 {
		l.Next.Serve(w, r, m)
		return
	}
	if l.Refused != nil {
		l.Refused.Add(1)
	}
	seconds := (wait + time.Second - 1) / time.Second
	w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	l.Refuse(w, r, http.StatusTooManyRequests, "too many requests from your address")
}

// take counts a request of client, or tells how long the client has to wait
// until one is let through.
func (l *Limit) take(client netip.Addr) (wait time.Duration) {
	client = router.Subscriber(client)
	each := int64(float64(time.Second) / l.Rate)
	now := time.Now()
	if l.now != nil {
		now = l.now()
	}
	at := now.UnixNano()

	s := &l.shards[maphash.Comparable(limitSeed, client)%limitShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	full := max(s.full[client], at)
	if late := full - at - each*int64(l.Burst-1); late > 0 {
		return time.Duration(late)
	}
	s.makeRoom(at)
	s.full[client] = full + each
	return 0
}

// makeRoom keeps the shard within its bound.
func (s *limitShard) makeRoom(now int64) {
	if s.full == nil {
		s.full = make(map[netip.Addr]int64)
	}
	if len(s.full) < limitEntries {
		return
	}
	for client, full := range s.full {
		if full <= now {
			delete(s.full, client)
		}
	}
	// Half of them at a time, or every request of a flood would look through
	// all of them again.
	for client := range s.full {
		if len(s.full) <= limitEntries/2 {
			return
		}
		delete(s.full, client)
	}
}

package proxy

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"httpmaster/router"
)

// Policy is how a Balancer chooses.
type Policy string

// The policies. A client without an address, behind a Unix socket, is treated
// by IPHash as by RoundRobin.
const (
	RoundRobin Policy = "roundRobin" // each in turn, by weight, evenly mixed
	LeastConn  Policy = "leastConn"  // who has the fewest requests and tunnels under way for its weight
	IPHash     Policy = "ipHash"     // the same client, the same target; IPv6 clients count by their /64
	Sticky     Policy = "cookie"     // RoundRobin at first, then the one that the client's cookie names
)

// BalancerSettings says between which targets to choose, and how. Zero fields
// mean the default.
type BalancerSettings struct {
	Policy  Policy // "" means RoundRobin
	Cookie  string // name of Sticky's cookie; "" means "hm-upstream"
	Salt    string // goes into the cookie's values, so that they differ from config to config
	Members []MemberSettings
	Health  *HealthCheck // nil means that nobody asks the targets how they are

	EjectAfter int           // failed requests in a row until a target is left alone; 0 means 3, below 0 never
	EjectFor   time.Duration // for how long then; 0 means 10 s
	SlowStart  time.Duration // in which a target that came back gets to its full share; 0 means at once
}

// MemberSettings is one target.
type MemberSettings struct {
	Address  string // as Hop.Address gives it, for the log and the cookie
	Weight   int    // 0 means 1
	Scheme   string // as in UpstreamSettings, for health checks
	HostPort string // as Hop.HostPort gives it, for health checks
}

const (
	defaultCookie     = "hm-upstream"
	defaultEjectAfter = 3
	defaultEjectFor   = 10 * time.Second
)

// Key is equal for settings that are equal, so that generations of a config
// can share a Balancer and what it has learned of its targets.
func (s BalancerSettings) Key() string {
	key, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is nothing in it that JSON cannot have
	}
	return string(key)
}

// Balancer chooses a target for each request among those that are well. When
// none is, all of them are tried: what a check or earlier requests have found
// can be wrong, and an error at once helps nobody.
//
// A target is left alone when requests to it keep failing or its health checks
// do. After the former, when its time is over, one request goes there to see;
// its outcome decides for the others.
//
// Start begins the health checks, and Close ends them. A Balancer is safe for
// concurrent use.
type Balancer struct {
	settings BalancerSettings
	log      *slog.Logger
	now      func() time.Time

	members []*member // in the order of the settings
	mu      sync.Mutex
	scratch []*member // of choose, guarded by mu

	starting sync.Once
	stop     context.CancelFunc // nil until Start
	checks   sync.WaitGroup
}

// NewBalancer makes a Balancer that takes every target for well. It tells log
// of each change. The caller closes it when no Proxy uses it any more.
func NewBalancer(s BalancerSettings, log *slog.Logger) *Balancer {
	if s.Policy == "" {
		s.Policy = RoundRobin
	}
	if s.Cookie == "" {
		s.Cookie = defaultCookie
	}
	s.EjectAfter = orDefault(s.EjectAfter, defaultEjectAfter)
	s.EjectFor = orDefault(s.EjectFor, defaultEjectFor)
	if len(s.Members) == 1 {
		s.EjectAfter = -1 // there is no other to ask instead
	}
	b := &Balancer{settings: s, log: log, now: time.Now}
	seen := make(map[string]int)
	for i, ms := range s.Members {
		seen[ms.Address]++
		identity := ms.Address
		if n := seen[ms.Address]; n > 1 { // the same with another path
			identity += "#" + strconv.Itoa(n)
		}
		m := &member{index: i, name: ms.Address, seed: hashText(identity), weight: int64(orDefault(ms.Weight, 1)) * fullShare}
		m.id = b.newID(identity)
		b.members = append(b.members, m)
	}
	if s.Health != nil {
		b.prepareChecks()
	}
	return b
}

// Policy is how b chooses.
func (b *Balancer) Policy() Policy { return b.settings.Policy }

// pick chooses a member for r, one that has not been tried if there is one. The
// caller ends the lease.
func (b *Balancer) pick(r *http.Request, m *router.Match, tried []*member) lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	chosen := b.choose(r, m, b.candidates(now, tried), now)
	l := lease{b: b, m: chosen}
	if chosen.onTrial(now) {
		chosen.trial, l.trial = true, true
	}
	chosen.inUse++
	return l
}

// candidates gives the members to choose between: those that are well and have
// not been tried; where there are none, those that have not been tried; then
// those that are well; then all.
func (b *Balancer) candidates(now time.Time, tried []*member) []*member {
	list, best := b.scratch[:0], 0
	for _, m := range b.members {
		rank := 1
		if !slices.Contains(tried, m) {
			rank += 2
		}
		if m.well(now) {
			rank++
		}
		if rank > best {
			list, best = list[:0], rank
		}
		if rank == best {
			list = append(list, m)
		}
	}
	b.scratch = list
	return list
}

// lease is one request's use of a member. The zero lease is one of nothing.
type lease struct {
	b       *Balancer
	m       *member
	trial   bool // m is ejected, and this request finds out whether it is well again
	settled bool
}

// settle says how the member did, nil for well, once. Without it the request
// says nothing about the member, as when the client has left.
func (l *lease) settle(err error) {
	if l.m == nil || l.settled {
		return
	}
	l.settled = true
	l.b.mu.Lock()
	now := l.b.now()
	if l.trial {
		l.m.trial = false
	}
	var changed bool
	if err == nil {
		changed = l.m.succeed(now)
	} else {
		changed = l.m.fail(now, l.trial, l.b.settings)
	}
	l.b.mu.Unlock()
	switch {
	case !changed:
	case err == nil:
		l.b.log.Info("an upstream is asked again", "upstream", l.m.name)
	default:
		l.b.log.Warn("an upstream is left alone, its requests keep failing", "upstream", l.m.name,
			"failures", l.b.settings.EjectAfter, "reason", err.Error(), "for", l.b.settings.EjectFor)
	}
}

// end gives the member back.
func (l *lease) end() {
	if l.m == nil {
		return
	}
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.m.inUse--
	if l.trial && !l.settled {
		l.m.trial = false // the next one is to find out
	}
	*l = lease{}
}

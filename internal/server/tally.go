package server

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"httpmaster/internal/middleware"
	"httpmaster/internal/status"
	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// tally is what came through a rule. Generations share it, by place.route, so
// that a reload does not begin to count anew; it goes when no generation has the
// rule. Rules of a port with the same pattern share one.
type tally struct {
	classes      [5]atomic.Int64
	buckets      [len(status.Bounds) + 1]atomic.Int64
	took         atomic.Int64 // nanoseconds
	bytes        atomic.Int64
	authFailures atomic.Int64
	limited      atomic.Int64
	denied       atomic.Int64
	tunnels      tunnel.Totals
}

// ruleTally is a tally as one rule of a generation has it.
type ruleTally struct {
	*tally
	pattern string
	line    int
}

// bounds are those of status.Traffic, to compare with.
var bounds = func() (list [len(status.Bounds)]time.Duration) {
	for i, s := range status.Bounds {
		list[i] = time.Duration(s * float64(time.Second))
	}
	return list
}()

// add counts a request.
func (t *tally) add(code int, took time.Duration, bytes int64) {
	t.classes[min(max(code/100, 1), 5)-1].Add(1)
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	t.buckets[i].Add(1)
	t.took.Add(int64(took))
	t.bytes.Add(bytes)
}

// traffic is what t has now.
func (t *tally) traffic() status.Traffic {
	s := status.Traffic{
		Seconds:      time.Duration(t.took.Load()).Seconds(),
		Bytes:        t.bytes.Load(),
		AuthFailures: t.authFailures.Load(),
		Limited:      t.limited.Load(),
		Denied:       t.denied.Load(),
	}
	for i := range t.classes {
		s.Classes[i] = t.classes[i].Load()
	}
	for i := range t.buckets {
		s.Buckets[i] = t.buckets[i].Load()
	}
	ended := t.tunnels.Ended.Load() // first, or there could be fewer than none
	s.Tunnels.Opened = t.tunnels.Opened.Load()
	s.Tunnels.Live = s.Tunnels.Opened - ended
	s.Tunnels.Received = t.tunnels.Received.Load()
	s.Tunnels.Sent = t.tunnels.Sent.Load()
	s.Tunnels.Resumes = t.tunnels.Resumes.Load()
	return s
}

// tally gives at's port one more rule to count for, and its number.
func (b *builder) tally(at place, line int) (t *tally, number int) {
	t, release, _ := b.server.shared.tallies.get(at.route, func() (*tally, error) { return new(tally), nil })
	b.gen.releases = append(b.gen.releases, release)
	p := at.into
	p.tallies = append(p.tallies, ruleTally{t, at.rule(), line})
	return t, len(p.tallies) - 1
}

// rule names the innermost rule behind those around it: "a.com > /x". It is ""
// outside of rules.
func (at place) rule() string {
	_, patterns, _ := strings.Cut(at.route, "\n")
	return strings.ReplaceAll(patterns, "\n", " > ")
}

// counting is one request that is being counted.
type counting struct {
	rec      *middleware.Recorder
	port     *port
	m        *router.Match
	came     time.Time
	finished bool // the handler has returned, and not panicked
	counted  bool
	opened   func() // counting.count, bound once for all the requests it serves
}

var countings = sync.Pool{New: func() any {
	c := new(counting)
	c.opened = c.count
	return c
}}

// begin has a request counted that is answered through the Recorder of what it
// gives. The caller ends it.
func (p *port) begin(w http.ResponseWriter, r *http.Request, m *router.Match) *counting {
	c := countings.Get().(*counting)
	c.rec, c.port, c.m, c.came = middleware.NewRecorder(w), p, m, time.Now()
	c.rec.AfterHijack = c.opened // a tunnel counts when it opens
	if r.ProtoMajor == 2 {
		c.rec.Progress = p.limits.body // in HTTP/1 the kernel does it: socket.Control
	}
	return c
}

// end counts a request that has been answered, or broken off.
func (c *counting) end(r *http.Request) {
	if c.rec.Status == 0 {
		switch {
		case c.finished:
			c.rec.Status = http.StatusOK // as net/http answers for a handler that has not
		case r.Context().Err() != nil:
			c.rec.Status = 499 // the client has left
		default:
			c.rec.Status = http.StatusInternalServerError
		}
	}
	if !c.counted {
		c.count()
	}
	c.rec.Finish()
	if !c.finished { // a panic; somebody may still hold the recorder
		return
	}
	c.rec.Release()
	*c = counting{opened: c.opened}
	countings.Put(c)
}

func (c *counting) count() {
	c.counted = true
	number := 0
	if c.m.Rule != nil {
		number = c.m.Rule.Number
	}
	c.port.tallies[number].add(c.rec.Status, time.Since(c.came), c.rec.Bytes)
	c.port = nil // which a tunnel is not to keep
}

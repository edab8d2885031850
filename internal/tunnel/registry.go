package tunnel

import (
	"context"
	"sync"
	"time"
)

// Entry is one live tunnel or upgraded connection, as the registry's readers
// see it. Its fields do not change after Add, except where noted.
type Entry struct {
	ID      uint64 // given by Add: 1 for the first
	Rule    string // the rule's pattern as written, with its line
	User    string // who auth let in, "" for nobody
	Client  string // the client's address
	Target  string // where it leads
	Started time.Time
	Meter   *Meter // what it carries; Add gives it one if it has none
	// Close asks the tunnel to end, telling its client why where the protocol
	// can. It returns at once and may be called more than once.
	Close func(reason string)
	// Leave asks the tunnel's client to come again, over a new WebSocket and so
	// under the rules of then. It is nil where the protocol has no such thing,
	// and Close does. It returns at once and may be called more than once.
	Leave func(reason string)
	// Way is what led to the tunnel: a text that is the same under two configs if
	// nothing that counts differs, for Keep. Move changes it.
	Way string

	// Guarded by Registry.mu.
	stale time.Time // since when Way is in no config; zero while it is
	asked bool      // to end, because it is stale
}

// Registry knows every live tunnel of a server. http.Server.Shutdown neither
// waits for nor closes hijacked connections, so this does. The zero value is
// ready to use.
type Registry struct {
	mu     sync.Mutex
	live   map[*Entry]struct{}
	last   uint64        // the ID given last
	empty  chan struct{} // closed when live becomes empty; nil when nobody waits
	ending string        // why new tunnels are closed at once; "" while they are not

	ways       map[string]bool // of the config that is served; nil: not told, and none is stale
	staleAfter time.Duration   // see Keep
	reaper     *time.Timer     // runs reap; nil until something is stale
	waking     time.Time       // when reaper fires; zero when it does not
}

// Add makes e known until the returned function is called, which the tunnel
// does once, when it has ended. A tunnel that comes after CloseAll is asked to
// end at once.
func (r *Registry) Add(e *Entry) (remove func()) {
	r.mu.Lock()
	if r.live == nil {
		r.live = make(map[*Entry]struct{})
	}
	r.live[e] = struct{}{}
	r.last++
	e.ID = r.last
	if e.Meter == nil {
		e.Meter = new(Meter)
	}
	r.judge(e)
	ending := r.ending
	r.mu.Unlock()
	e.Meter.opened()
	if ending != "" {
		e.Close(ending)
	}
	return func() {
		e.Meter.ended()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.live, e)
		if len(r.live) == 0 && r.empty != nil {
			close(r.empty)
			r.empty = nil
		}
	}
}

// Live gives the tunnels that are open now, in no order.
func (r *Registry) Live() []*Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Entry, 0, len(r.live))
	for e := range r.live {
		list = append(list, e)
	}
	return list
}

// Find gives the live tunnel with an ID, nil if there is none.
func (r *Registry) Find(id uint64) *Entry {
	for _, e := range r.Live() {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// CloseAll asks every live tunnel, and every one that is added from now on, to
// end, and waits until all have, or until ctx is done. reason must not be "".
func (r *Registry) CloseAll(ctx context.Context, reason string) error {
	r.mu.Lock()
	r.ending = reason
	if r.reaper != nil {
		r.reaper.Stop()
	}
	r.mu.Unlock()
	for _, e := range r.Live() {
		e.Close(reason)
	}
	return r.Wait(ctx)
}

// Wait waits until no tunnel is open, or until ctx is done, and then gives its
// error.
func (r *Registry) Wait(ctx context.Context) error {
	r.mu.Lock()
	if len(r.live) == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.empty == nil {
		r.empty = make(chan struct{})
	}
	empty := r.empty
	r.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package tunnel

import (
	"slices"
	"time"
)

// stalePace is the pause between asking one stale tunnel to end and the next:
// their clients come back, and are not to come all at once.
const stalePace = 50 * time.Millisecond

// staleReason is what clients of stale tunnels read.
const staleReason = "the rule of this tunnel was changed or removed"

// Keep tells r the ways of the config that is served from now on. Tunnels that
// came by others are stale: they are asked to leave when they have been so for after, at
// once if it is 0 and never if it is negative. Those that become due together
// are asked one after the other, 20 a second, unless after is 0. One whose way
// comes back in time, or whose client comes back by one that is there, stays.
//
// It gives how many tunnels have become stale. The caller does not change ways
// afterwards.
func (r *Registry) Keep(ways map[string]bool, after time.Duration) (stale int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ways, r.staleAfter = ways, after
	for e := range r.live {
		if r.judge(e) {
			stale++
		}
	}
	return stale
}

// Move gives a tunnel another way: its client has come back by it, and was let in
// there.
func (r *Registry) Move(e *Entry, way string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Way, e.asked = way, false
	r.judge(e)
}

// judge looks whether the way of e is one of the config's, and says whether it
// has just ceased to be. r.mu is held.
func (r *Registry) judge(e *Entry) (became bool) {
	if r.ways == nil || r.ways[e.Way] {
		e.stale, e.asked = time.Time{}, false
		return false
	}
	if became = e.stale.IsZero(); became {
		e.stale = time.Now()
	}
	if !e.asked && r.staleAfter >= 0 {
		r.wake(e.dueAt(r.staleAfter))
	}
	return became
}

// wake has reap run at that time, if it was not to run earlier. r.mu is held.
func (r *Registry) wake(at time.Time) {
	switch {
	case r.ending != "", !r.waking.IsZero() && !at.Before(r.waking):
		return
	case r.reaper == nil:
		r.reaper = time.AfterFunc(time.Until(at), r.reap)
	default:
		r.reaper.Reset(time.Until(at))
	}
	r.waking = at
}

// reap asks the tunnels that are due to leave.
func (r *Registry) reap() {
	for _, e := range r.due() {
		leave := e.Leave
		if leave == nil {
			leave = e.Close
		}
		leave(staleReason)
	}
}

// due gives the tunnels to be asked now, the stalest first, and sees to it that
// the others are later.
func (r *Registry) due() []*Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waking = time.Time{}
	var waiting []*Entry
	for e := range r.live {
		if !e.stale.IsZero() && !e.asked {
			waiting = append(waiting, e)
		}
	}
	if r.staleAfter < 0 || r.ending != "" || len(waiting) == 0 {
		return nil
	}
	slices.SortFunc(waiting, func(a, b *Entry) int { return a.stale.Compare(b.stale) })
	most := 1
	if r.staleAfter == 0 {
		most = len(waiting)
	}
	now, n := time.Now(), 0
	for n < most && !waiting[n].dueAt(r.staleAfter).After(now) {
		waiting[n].asked = true
		n++
	}
	if n < len(waiting) {
		next := waiting[n].dueAt(r.staleAfter)
		if soon := now.Add(stalePace); next.Before(soon) {
			next = soon
		}
		r.wake(next)
	}
	return waiting[:n]
}

// dueAt is when e is to be asked, if it is stale.
func (e *Entry) dueAt(after time.Duration) time.Time { return e.stale.Add(after) }

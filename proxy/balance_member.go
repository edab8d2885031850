package proxy

import "time"

// fullShare is the share of a target of weight 1: fine enough for a slow start
// to be even.
const fullShare = 1000

// member is one target of a Balancer, and what is known of how it does. All
// below the first lines is guarded by the Balancer's mutex.
type member struct {
	index  int
	name   string // its address
	id     string // what the cookie has for it
	seed   uint64 // makes IPHash's values its own
	weight int64  // in units of 1/fullShare
	probe  probe  // of the health checks; not set without them

	current  int64 // of the smooth round robin
	inUse    int   // requests and tunnels under way
	failures int   // in a row

	outUntil time.Time // zero unless ejected
	trial    bool      // a request is finding out whether it can come back

	checked bool // a health check has had an outcome
	down    bool // by health checks
	streak  int  // outcomes in a row that speak against down

	backSince time.Time // begin of the slow start under way, else zero
}

// well tells whether m is to get requests.
func (m *member) well(now time.Time) bool {
	return !m.down && (m.outUntil.IsZero() || m.onTrial(now))
}

// onTrial tells whether the next request to m decides if it comes back.
func (m *member) onTrial(now time.Time) bool {
	return !m.outUntil.IsZero() && !now.Before(m.outUntil) && !m.trial
}

// share is the weight of m, less than that at the beginning of ramp.
func (m *member) share(now time.Time, ramp time.Duration) int64 {
	if m.backSince.IsZero() {
		return m.weight
	}
	since := now.Sub(m.backSince)
	if since >= ramp {
		m.backSince = time.Time{}
		return m.weight
	}
	return max(1, int64(float64(m.weight)*float64(since)/float64(ramp)))
}

// succeed notes that m has answered a request. It tells whether that has
// brought m back.
func (m *member) succeed(now time.Time) (back bool) {
	m.failures = 0
	if m.outUntil.IsZero() {
		return false
	}
	m.outUntil = time.Time{}
	m.comeBack(now)
	return true
}

// fail notes that a request has failed. It tells whether that has put m out.
func (m *member) fail(now time.Time, trial bool, s BalancerSettings) (out bool) {
	m.failures++
	switch {
	case !m.outUntil.IsZero():
		if trial {
			m.outUntil = now.Add(s.EjectFor)
		}
		return false
	case s.EjectAfter < 0 || m.failures < s.EjectAfter:
		return false
	}
	m.outUntil = now.Add(s.EjectFor)
	return true
}

// note takes the outcome of a health check. It tells whether that has made m
// go down or come up. As long as nothing is known of m one bad outcome is
// enough.
func (m *member) note(good bool, now time.Time, h *HealthCheck) (changed bool) {
	limit := h.Rise
	if !m.down {
		limit = h.Fall
	}
	if !m.checked {
		m.checked, limit = true, 1
	}
	if good != m.down { // as it was
		m.streak = 0
		return false
	}
	if m.streak++; m.streak < limit {
		return false
	}
	m.streak = 0
	m.down = !good
	if good {
		m.failures, m.outUntil = 0, time.Time{}
		m.comeBack(now)
	}
	return true
}

func (m *member) comeBack(now time.Time) {
	m.backSince = now
	m.current = 0
}

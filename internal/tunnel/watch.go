package tunnel

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

const (
	missedPings = 3 // so many unanswered in a row are a dead peer
	idleChecks  = 4 // per IdleTimeout
)

// watch pings the peer and ends the tunnel at its limits, until it is stopped.
// These are timers and no goroutine: a tunnel that waits is to cost little.
func (t *joined) watch() (stop func()) {
	var life liveness
	ping := every(t.opts.Ping, func() bool {
		if why := life.dead(t.ws); why != nil {
			t.finish(ending{reason: why.Error(), err: why})
			t.ws.abort(why)
			return false
		}
		t.ws.ping()
		return true
	})
	limits := watchLimits(t.opts, func() int64 { return t.meter.Received.Load() + t.meter.Sent.Load() }, func(e ending) { t.finish(e) })
	return func() { ping(); limits() }
}

// watchLimits calls finish when a tunnel reaches IdleTimeout or MaxLifetime, unless
// it is stopped. moved gives the bytes that went through it so far.
func watchLimits(opts Options, moved func() int64, finish func(ending)) (stop func()) {
	var before int64
	quiet := 0
	idle := every(opts.IdleTimeout/idleChecks, func() bool {
		if now := moved(); now != before {
			before, quiet = now, 0
			return true
		}
		if quiet++; quiet < idleChecks {
			return true
		}
		finish(idleFor(opts.IdleTimeout))
		return false
	})
	old := every(opts.MaxLifetime, func() bool {
		finish(openFor(opts.MaxLifetime))
		return false
	})
	return func() { idle(); old() }
}

// idleFor is the ending of a tunnel that was silent for so long.
func idleFor(d time.Duration) ending {
	return ending{closePolicy, fmt.Sprintf("idle for %v", d), nil}
}

// openFor is the ending of a tunnel that has reached its MaxLifetime.
func openFor(d time.Duration) ending {
	return ending{closeNormal, fmt.Sprintf("open for %v, the longest allowed", d), nil}
}

// liveness counts pings that brought nothing from the peer.
type liveness struct {
	received int64
	pinged   bool
	missed   int
}

// dead is asked before each ping why the peer is dead, if it is. Backpressure is not death: a ping counts as
// missed only if we were waiting to read, so that an answer would have been
// seen, and nothing of ours is held up by a peer that does not read, so that the
// ping was sent. A peer that vanished while output is held up acknowledges
// nothing, which the kernel knows.
func (l *liveness) dead(ws *Conn) (why error) {
	if ws.vanished() {
		return errVanished
	}
	received := ws.received.Load()
	if !l.pinged || received != l.received || !ws.waiting.Load() || ws.blocked() {
		l.received, l.pinged, l.missed = received, true, 0
		return nil
	}
	if l.missed++; l.missed < missedPings {
		return nil
	}
	return errDead
}

// every calls f after each d, never for 0, until f is false or it is stopped. A
// call that has begun is not waited for.
func every(d time.Duration, f func() (more bool)) (stop func()) {
	if d <= 0 {
		return func() {}
	}
	var stopped atomic.Bool
	var timer *time.Timer
	timer = time.AfterFunc(math.MaxInt64, func() {
		if !stopped.Load() && f() && !stopped.Load() {
			timer.Reset(d)
		}
	})
	timer.Reset(d)
	return func() {
		stopped.Store(true)
		timer.Stop()
	}
}

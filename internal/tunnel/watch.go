package tunnel

import (
	"fmt"
	"time"

	"nhooyr.io/websocket"
)

const (
	missedPings = 3 // so many unanswered in a row are a dead peer
	idleChecks  = 4 // per IdleTimeout
)

// watch pings the peer and ends the tunnel at its limits, until the tunnel ends.
func (t *joined) watch() {
	ping, stop := every(t.opts.Ping)
	defer stop()
	idle, stop := every(t.opts.IdleTimeout / idleChecks)
	defer stop()
	old, stop := every(t.opts.MaxLifetime)
	defer stop()

	var life liveness
	var moved int64
	quiet := 0
	for {
		select {
		case <-t.ending:
			return
		case <-ping:
			if life.dead(t.ws.link) {
				t.finish(ending{reason: errDead.Error(), err: errDead})
				return
			}
			t.ws.link.ping()
		case <-idle:
			if now := t.meter.Received.Load() + t.meter.Sent.Load(); now != moved {
				moved, quiet = now, 0
			} else if quiet++; quiet == idleChecks {
				t.finish(idleFor(t.opts.IdleTimeout))
				return
			}
		case <-old:
			t.finish(openFor(t.opts.MaxLifetime))
			return
		}
	}
}

// idleFor is the ending of a tunnel that was silent for so long.
func idleFor(d time.Duration) ending {
	return ending{websocket.StatusPolicyViolation, fmt.Sprintf("idle for %v", d), nil}
}

// openFor is the ending of a tunnel that has reached its MaxLifetime.
func openFor(d time.Duration) ending {
	return ending{websocket.StatusNormalClosure, fmt.Sprintf("open for %v, the longest allowed", d), nil}
}

// liveness counts pings that brought nothing from the peer.
type liveness struct {
	received int64
	pinged   bool
	missed   int
}

// dead is asked before each ping. Backpressure is not death: a ping counts as
// missed only if we were waiting to read, so that an answer would have been
// seen, and nothing of ours is held up by a peer that does not read, so that the
// ping was sent. A peer that vanished while output is held up is found by TCP's
// own retransmission limit, or by IdleTimeout.
func (l *liveness) dead(link *link) bool {
	received := link.received.Load()
	if !l.pinged || received != l.received || !link.reading.Load() || link.blocked() {
		l.received, l.pinged, l.missed = received, true, 0
		return false
	}
	l.missed++
	return l.missed == missedPings
}

// every is a ticker that never ticks for 0.
func every(d time.Duration) (ticks <-chan time.Time, stop func()) {
	if d <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(d)
	return ticker.C, ticker.Stop
}

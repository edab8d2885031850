package proxy

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// How long either side may do nothing while it is its turn. An upstream has the
// two minutes that http-master's users know from Node; a client could keep a
// connection busy with nothing for as long.
const (
	defaultClientIdle   = time.Minute
	defaultUpstreamIdle = 2 * time.Minute
)

// errUpstreamIdle is why a request ends whose upstream did nothing for too
// long.
var errUpstreamIdle = errors.New("no progress within the upstream's idle time")

// watchdog knows since when an upstream is being waited for. It bounds the
// steps, never the whole. Who reads from the upstream asks how much time is
// left; for a transport of net/http, which does not ask, guard does.
type watchdog struct {
	idle  time.Duration // 0 for no bound
	since atomic.Int64  // when the upstream's turn began, by sinceStart; 0 when it is not its turn
	timer *time.Timer   // of guard
}

// forEver is the time left where there is no bound.
const forEver = 24 * time.Hour

var processStart = time.Now()

// sinceStart is the time by a clock that nobody sets.
func sinceStart() int64 { return int64(time.Since(processStart)) }

// watch says that it is the upstream's turn from now on.
func (d *watchdog) watch() { d.since.Store(sinceStart()) }

// rest says that nothing is expected of the upstream.
func (d *watchdog) rest() { d.since.Store(0) }

// allow gives the upstream at least atLeast from now on, once.
func (d *watchdog) allow(atLeast time.Duration) {
	d.since.Store(sinceStart() + max(0, int64(atLeast-d.idle)))
}

// left is how much longer the upstream may do nothing.
func (d *watchdog) left() time.Duration {
	since := d.since.Load()
	switch {
	case d.idle == 0:
		return forEver
	case since == 0:
		return d.idle
	}
	return d.idle - time.Duration(sinceStart()-since)
}

// guard calls bark, once, when no time is left, until stop.
func (d *watchdog) guard(bark func()) {
	ready := make(chan struct{})
	d.timer = time.AfterFunc(d.left(), func() {
		<-ready
		if left := d.left(); left > 0 {
			d.timer.Reset(left)
			return
		}
		bark()
	})
	close(ready)
}

// stop ends guard.
func (d *watchdog) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// clientSide keeps the deadlines of the client's connection, or of its stream
// in HTTP/2. Errors are not looked at: a writer that knows no deadlines, as in
// some tests, goes without.
type clientSide struct {
	ctl   *http.ResponseController
	idle  time.Duration
	http2 bool
}

// writing gives the client idle from now to take what is written next. In
// HTTP/1 net/http lifts the deadline after the response.
func (c *clientSide) writing() { c.ctl.SetWriteDeadline(time.Now().Add(c.idle)) }

// paused says that there is nothing to write for now. In HTTP/2 the deadline
// would end the stream even so.
func (c *clientSide) paused() {
	if c.http2 {
		c.ctl.SetWriteDeadline(time.Time{})
	}
}

func (c *clientSide) reading()     { c.ctl.SetReadDeadline(time.Now().Add(c.idle)) }
func (c *clientSide) doneReading() { c.ctl.SetReadDeadline(time.Time{}) }

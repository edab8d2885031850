package proxy

import (
	"errors"
	"net/http"
	"time"
)

// How long either side may do nothing while it is its turn. An upstream has the
// two minutes that http-master's users know from Node; a client could keep a
// connection busy with nothing for as long.
const (
	defaultClientIdle   = time.Minute
	defaultUpstreamIdle = 2 * time.Minute
)

// errUpstreamIdle is the cause of cancelling a request whose upstream did
// nothing for too long.
var errUpstreamIdle = errors.New("no progress within the upstream's idle time")

// watchdog cancels a request when its upstream, while being waited for, does
// nothing for as long as idle. It bounds the steps, never the whole.
type watchdog struct {
	idle  time.Duration
	timer *time.Timer
}

// newWatchdog makes a watchdog that is watching. rest ends it.
func newWatchdog(idle time.Duration, bark func()) *watchdog {
	return &watchdog{idle, time.AfterFunc(idle, bark)}
}

// watch says that it is the upstream's turn from now on.
func (d *watchdog) watch() { d.timer.Reset(d.idle) }

// rest says that nothing is expected of the upstream.
func (d *watchdog) rest() { d.timer.Stop() }

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

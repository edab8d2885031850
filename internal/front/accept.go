package front

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// backOff is how long to wait after Accept has failed: longer each time.
type backOff struct {
	pause time.Duration
	noted time.Time // when the failure was logged last
}

const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

func (b *backOff) reset() { b.pause = 0 }

func (b *backOff) wait(stop <-chan struct{}) {
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	select {
	case <-time.After(b.pause):
	case <-stop:
	}
}

// acceptFailed does something about it where it can, and waits. No error is
// taken to be the end: a server that has stopped to accept helps nobody.
func (l *Listener) acceptFailed(err error, pause *backOff) {
	closed := 0
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		closed = l.shed()
	}
	if time.Since(pause.noted) >= notePause {
		pause.noted = time.Now()
		l.log.Error("cannot accept a connection, will go on trying", "port", l.name, "err", err, "idleClosed", closed)
	}
	pause.wait(l.context.Done())
}

// shed closes the connections that have been idle longest, an eighth of those
// that are, and tells how many. Their descriptors are free when it returns.
func (l *Listener) shed() int {
	type idler struct {
		c     *conn
		since int64
	}
	var idle []idler
	l.mu.Lock()
	for c := range l.open {
		if since := c.idle.Load(); since != 0 {
			idle = append(idle, idler{c, since})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(idle, func(a, b idler) int { return int(a.since/1e6 - b.since/1e6) })
	idle = idle[:(len(idle)+7)/8]
	for _, i := range idle {
		_ = i.c.Conn.Close()
	}
	return len(idle)
}

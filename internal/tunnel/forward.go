package tunnel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// The first attempt to reconnect comes about firstDelay after the loss, and the
// pauses between attempts double up to lastDelay.
const (
	firstDelay = 250 * time.Millisecond
	lastDelay  = 15 * time.Second
)

// farewellWait is how long a client that is stopped while it has no WebSocket
// tries to tell the server, which would keep the target's connection for nothing.
const farewellWait = 2 * time.Second

// hopelessWait is how long a client whose own connection is at its end tries to
// tell the server.
const hopelessWait = 10 * time.Second

// Reconnect is how a client gets back to its session.
type Reconnect struct {
	// Dial opens a new WebSocket for the session, as Dialer.DialResume does.
	Dial func(context.Context) (*Conn, error)
	// Lost and Resumed report what happens; the tunnel waits for them.
	Lost    func(why error)
	Resumed func(after time.Duration)
	// Waiting reports a pause before another attempt, and why the one before has
	// failed, nil at first; nil is for those who do not ask.
	Waiting func(pause time.Duration, failed error)

	first, last time.Duration // 0: firstDelay and lastDelay
}

// NotResumedError says that a session has ended because its WebSocket was lost
// and could not be replaced.
type NotResumedError struct{ Err error }

func (e *NotResumedError) Error() string { return "the session cannot be resumed: " + e.Err.Error() }
func (e *NotResumedError) Unwrap() error { return e.Err }

// AwayError says that no connection could be made for as long as the server waits.
type AwayError struct {
	Waited time.Duration
	Err    error // of the last attempt
}

func (e *AwayError) Error() string {
	return fmt.Sprintf("there was no connection for %v: %v", e.Waited, e.Err)
}
func (e *AwayError) Unwrap() error { return e.Err }

// Forward makes a tunnel of ws and conn as Join does, and owns both. When ws
// came of DialSession and the server holds sessions, the loss of a WebSocket is
// not the end: Forward opens another, for as long as the server waits, and
// nothing is lost. A half-close of either end then travels as one. Limits in opts
// other than Ping are those of the whole tunnel.
func Forward(ctx context.Context, ws *Conn, conn net.Conn, opts Options, back Reconnect) (Stats, error) {
	if !ws.CanResume() {
		if opts.Ping > 0 {
			ws.ping() // the round-trip time is to be known before the first interval has passed
		}
		return Join(ctx, ws, conn, opts)
	}
	if back.first == 0 {
		back.first, back.last = firstDelay, lastDelay
	}
	f := &forwarder{session: newSession(conn, opts), back: back}
	f.client = true
	defer context.AfterFunc(ctx, func() {
		f.finish(ending{code: closeGoingAway, reason: context.Cause(ctx).Error()})
	})()
	f.start()
	if a, err := f.welcome(ws, 0); err != nil {
		ws.CloseNow()
		f.finish(ending{reason: err.Error(), err: err})
	} else {
		f.run(ctx, a)
	}
	stats := f.close()
	return stats, f.end.err
}

// forwarder is a session on the client.
type forwarder struct {
	*session
	back  Reconnect
	id    sessionID
	token token
	hold  time.Duration
}

// run carries one attachment after the other until the session is over.
func (f *forwarder) run(ctx context.Context, a *attachment) {
	delay := f.back.first
	for {
		before := f.moved.Load()
		why := a.carry()
		select {
		case <-f.ending:
			return
		default:
		}
		if f.hold == 0 {
			f.finish(f.given(why))
			return
		}
		if f.moved.Load() != before {
			delay = f.back.first
		}
		_, quiet := f.closing()
		if !quiet {
			f.back.Lost(why)
		}
		lost := time.Now()
		if a, delay = f.reconnect(ctx, delay, lost); a == nil {
			if ctx.Err() != nil {
				f.farewell(ctx)
			}
			return
		}
		if !quiet {
			f.back.Resumed(time.Since(lost))
		}
	}
}

// reconnect tries to resume the session until it succeeds, or is over. It gives
// the delay to begin with should the new WebSocket be lost too.
func (f *forwarder) reconnect(ctx context.Context, delay time.Duration, lost time.Time) (*attachment, time.Duration) {
	var err error
	for {
		pause := delay/2 + rand.N(delay/2+1)
		if _, quiet := f.closing(); !quiet && f.back.Waiting != nil {
			f.back.Waiting(pause, err)
		}
		select {
		case <-f.ending:
			return nil, 0
		case <-time.After(pause):
		}
		var a *attachment
		a, err = f.resume(ctx)
		if err == nil {
			return a, min(2*delay, f.back.last)
		}
		if e := f.hopeless(err, time.Since(lost)); e != nil {
			f.finish(*e)
			return nil, 0
		}
		delay = min(2*delay, f.back.last)
	}
}

// farewell tells the server that a session is over that has no WebSocket, if it
// can be reached at once.
func (f *forwarder) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellWait)
	defer cancel()
	if a, err := f.resume(ctx); err == nil {
		_ = a.carry()
	}
}

// hopeless gives the ending of a session that another attempt would not save,
// after one that failed with err.
func (f *forwarder) hopeless(err error, away time.Duration) *ending {
	reset, refused := errors.AsType[*ResetError](err)
	end, closing := f.closing()
	switch {
	case closing && (refused || away > hopelessWait):
		return &end
	case closing:
		return nil
	case refused && reset.code == resetUnknown:
		err = errors.New(reset.Reason)
	case refused, errors.Is(err, ErrNoSessions):
	case away > f.hold:
		err = &AwayError{f.hold, err}
	default:
		return nil
	}
	err = &NotResumedError{err}
	return &ending{reason: err.Error(), err: err}
}

// resume opens a WebSocket and makes it the session's.
func (f *forwarder) resume(ctx context.Context) (*attachment, error) {
	ws, err := f.back.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { ws.abort(context.Cause(ctx)) })()
	f.mu.Lock()
	f.attempt++
	hello := message{kind: kindResume, session: f.id, token: f.token, offset: f.received(), attempt: f.attempt}
	f.mu.Unlock()
	if err := ws.send(hello); err != nil {
		ws.CloseNow()
		return nil, err
	}
	a, err := f.welcome(ws, hello.attempt)
	if err != nil {
		ws.CloseNow()
	}
	return a, err
}

// welcome waits for the server's first message and makes an attachment of ws.
func (f *forwarder) welcome(ws *Conn, attempt uint32) (*attachment, error) {
	m, err := ws.firstMessage(kindWelcome)
	if _, reset := errors.AsType[*ResetError](err); reset {
		return nil, err
	}
	if err != nil {
		return nil, lostError(err)
	}
	f.id, f.token, f.hold = m.session, m.token, m.hold
	a := newAttachment(f.session, ws)
	a.attempt = attempt
	ok := f.attach(a, func() bool {
		a.next, a.acked, a.greet = m.offset, f.delivered(), true
		return f.acked() <= m.offset && m.offset <= f.outEnd()
	})
	if !ok {
		return nil, &ResetError{resetUnknown, "the server has lost count of what it received"}
	}
	if f.opts.Ping > 0 {
		ws.ping()
	}
	return a, nil
}

// Package tunnel carries a TCP connection in a WebSocket. Accept and Dial make
// the two ends of a WebSocket, and Join makes a tunnel of one of them and a
// connection:
//
//	ws, err := tunnel.Accept(w, r) // or (&tunnel.Dialer{}).Dial(ctx, url)
//	if err != nil {
//		conn.Close()
//		return err
//	}
//	stats, err := tunnel.Join(ctx, ws, conn, tunnel.Options{Ping: 25 * time.Second})
//
// A WebSocket has no half-close (RFC 6455, 5.5.1): when either end says that it
// has sent everything, what was sent until then is delivered and the tunnel ends
// in both directions.
//
// Between http-master and dewebsockify a tunnel is a session instead, by the
// protocol of docs/tunnel-protocol.md: it has a half-close, and goes on over
// another WebSocket when the one below it is lost. Sessions is the server's side,
// Forward the client's.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// drainWait bounds how long the TCP side may take to accept the last bytes and
// to close its own side once the WebSocket has ended.
const drainWait = 5 * time.Second

// stopWait is the same for a tunnel that is stopped in the middle, by a server
// or client that wants to end.
const stopWait = time.Second

// Options are the limits of one tunnel. Zero fields mean none.
type Options struct {
	// Ping is how often the peer is pinged. One that sends nothing, not even
	// the answer, for three pings in a row is taken to be dead.
	Ping time.Duration
	// IdleTimeout ends a tunnel through which no byte went either way for so
	// long. Pings do not count.
	IdleTimeout time.Duration
	// MaxLifetime ends a tunnel whatever goes through it.
	MaxLifetime time.Duration
	// Meter, if not nil, counts what the tunnel carries.
	Meter *Meter
}

// meter is o's, or one that nobody reads.
func (o *Options) meter() *Meter {
	if o.Meter == nil {
		return new(Meter)
	}
	return o.Meter
}

// Stats is what became of a tunnel.
type Stats struct {
	Received int64 // bytes that came from the WebSocket and were written to the connection
	Sent     int64 // bytes that came from the connection and were sent over the WebSocket
	Duration time.Duration
	Reason   string // why it ended, for the log
}

// CloseError says that the peer closed the WebSocket for a reason of its own.
type CloseError struct {
	Code   int    // RFC 6455, 7.4
	Reason string // as the peer sent it
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the WebSocket peer closed with code %d", e.Code)
	}
	return fmt.Sprintf("the WebSocket peer closed with code %d: %q", e.Code, e.Reason)
}

var (
	errDead     = errors.New("the WebSocket peer answered none of three pings")
	errProtocol = errors.New("the WebSocket peer broke the protocol")
	errText     = errors.New("the WebSocket peer sent something else than base64")
)

// ending is why a tunnel ends and what the peer is told.
type ending struct {
	code   closeCode // 0: there is nobody to tell
	reason string    // for the peer and the log
	err    error     // what Join returns
}

// joined is one running tunnel. Two goroutines run it: the caller of Join
// receives, another one sends.
type joined struct {
	ws    *Conn
	conn  net.Conn
	opts  Options
	text  *base64Reader // nil: the bytes go as they are
	drain time.Duration

	meter   *Meter
	sending sync.WaitGroup

	once sync.Once
	end  ending // set once, by finish
}

// Join copies between ws and conn until either ends, a limit is reached or ctx
// is done, and then closes both; it owns them from the call on, and returns when
// everything is closed and every goroutine has ended.
//
// Bytes are copied as they come, a message's boundaries mean nothing, and an end
// that does not read is not read for: nothing piles up in memory. A connection
// with a CloseWrite method, as TCP's, is half-closed first and given 5 seconds (1
// when ctx is done) to end by itself, so that it gets everything.
//
// The peer is told why: 1000 when the connection ended, 1011 when it failed, 1001
// with context.Cause(ctx) as the text, 1000 at the end of MaxLifetime and 1008
// for IdleTimeout. The error is nil for these, except that of a connection that
// failed, and when the peer closed with 1000 or no code; it is a *CloseError when
// the peer gave another.
func Join(ctx context.Context, ws *Conn, conn net.Conn, opts Options) (Stats, error) {
	t := &joined{ws: ws, conn: conn, opts: opts, drain: drainWait, meter: opts.meter()}
	ws.meter = t.meter
	if ws.subprotocol == protocolBase64 {
		t.text = new(base64Reader)
	}
	return t.run(ctx)
}

func (t *joined) run(ctx context.Context) (Stats, error) {
	started := time.Now()
	defer context.AfterFunc(ctx, func() {
		if !t.finish(ending{code: closeGoingAway, reason: context.Cause(ctx).Error()}) {
			// Closing can take a while; whoever wants the tunnel gone now need not wait.
			t.ws.abort(context.Cause(ctx))
		}
	})()
	defer t.watch()()
	t.sending.Go(t.send)
	t.receive()

	halfClosed := closeWrite(t.conn)
	t.ws.shut(t.end.code == closeNormal)
	// Closing a TCP connection that has unread bytes resets it, and what is on
	// its way to the other end is lost. So send discards what still comes.
	_ = t.conn.SetDeadline(time.Now().Add(t.lastWait()))
	if halfClosed {
		t.sending.Wait()
	}
	_ = t.conn.Close()
	t.sending.Wait()
	return Stats{
		Received: t.meter.Received.Load(),
		Sent:     t.meter.Sent.Load(),
		Duration: time.Since(started),
		Reason:   t.end.reason,
	}, t.end.err
}

// finish ends the tunnel: the peer is told, and receive goes on until it has
// answered. The first reason given is the one that counts; it reports whether
// this is.
func (t *joined) finish(e ending) (first bool) {
	t.once.Do(func() {
		first = true
		t.end = e
		if e.code != 0 {
			t.ws.sayClose(e.code, e.reason)
		}
		t.ws.expectEnd()
		_ = t.conn.SetWriteDeadline(time.Now().Add(t.ws.closeWait + t.lastWait()))
	})
	return first
}

// lastWait is how long conn may take for its last bytes. The tunnel is ending.
func (t *joined) lastWait() time.Duration {
	if t.end.code == closeGoingAway {
		return stopWait
	}
	return t.drain
}

// cutReason makes s fit a Close frame (RFC 6455, 5.5).
func cutReason(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.ToValidUTF8(s, "")
}

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

	"nhooyr.io/websocket"
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
	code   websocket.StatusCode // 0: there is nobody to tell
	reason string               // for the peer and the log
	err    error                // what Join returns
}

// joined is one running tunnel.
type joined struct {
	ws     *Conn
	conn   net.Conn
	opts   Options
	base64 bool
	drain  time.Duration

	meter *Meter

	receiving, sending, watching sync.WaitGroup

	once   sync.Once
	end    ending        // why; readable when ending is closed
	ending chan struct{} // closed when the tunnel is to end
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
	t := &joined{
		ws: ws, conn: conn, opts: opts, drain: drainWait, meter: opts.meter(),
		base64: ws.ws.Subprotocol() == protocolBase64,
		ending: make(chan struct{}),
	}
	return t.run(ctx)
}

func (t *joined) run(ctx context.Context) (Stats, error) {
	started := time.Now()
	t.sending.Go(t.send) // first: receive may wait for it
	t.receiving.Go(t.receive)
	t.watching.Go(t.watch)

	select {
	case <-t.ending:
		// Closing can take a while; whoever wants the tunnel gone now need not wait.
		stop := context.AfterFunc(ctx, func() { t.ws.link.abort(context.Cause(ctx)) })
		defer stop()
	case <-ctx.Done():
		t.finish(ending{code: websocket.StatusGoingAway, reason: context.Cause(ctx).Error()})
	}
	t.closeWebSocket()
	t.closeConn()
	t.watching.Wait()
	return Stats{
		Received: t.meter.Received.Load(),
		Sent:     t.meter.Sent.Load(),
		Duration: time.Since(started),
		Reason:   t.end.reason,
	}, t.end.err
}

// finish ends the tunnel. The first reason given is the one that counts.
func (t *joined) finish(e ending) {
	t.once.Do(func() {
		t.end = e
		close(t.ending)
	})
}

// closeWebSocket tells the peer and ends the WebSocket. While the peer is
// answering, receive still delivers what it has sent.
func (t *joined) closeWebSocket() {
	if t.end.code != 0 {
		t.ws.link.expectClose(t.end.code == websocket.StatusNormalClosure)
		_ = t.ws.ws.Close(t.end.code, cutReason(t.end.reason))
	}
	t.ws.CloseNow()
}

// closeConn lets receive write what it has, then half-closes conn and lets send
// discard what still comes: closing a TCP connection that has unread bytes
// resets it, and what is on its way to the other end is lost.
func (t *joined) closeConn() {
	wait := t.drain
	if t.end.code == websocket.StatusGoingAway {
		wait = stopWait
	}
	_ = t.conn.SetDeadline(time.Now().Add(wait))
	t.receiving.Wait()
	if closeWrite(t.conn) {
		t.sending.Wait()
	}
	_ = t.conn.Close()
	t.sending.Wait()
}

// cutReason makes s fit a close frame (RFC 6455, 5.5).
func cutReason(s string) string {
	const most = 123
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

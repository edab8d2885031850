package tunnel

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a WebSocket that Join can make a tunnel of. Whoever has one must pass
// it to Join or call CloseNow.
//
// One goroutine reads: next gives what the latest fill has brought, and answers
// control frames. Any may write. A frame of data is written by whoever sends it,
// and the peer's lack of reading stops that one only. Control frames never wait
// for data to be taken, for the reader must go on: they are queued, and written
// behind the data that is being written, or by a goroutine of their own.
type Conn struct {
	conn        net.Conn
	socket      syscall.RawConn // below conn; nil if there is none
	client      bool            // we are, and mask
	subprotocol string
	closeWait   time.Duration
	lingerWait  time.Duration

	in       source
	frames   frames
	received atomic.Int64 // bytes read, control frames included
	waiting  atomic.Bool  // fill waits for the peer
	meter    *Meter       // is told the round-trip time; set before the first read

	mu       sync.Mutex
	changed  sync.Cond      // on mu: writing ended, queued was taken, or err was set
	writing  bool           // somebody is writing to conn, and will write queued
	queued   []byte         // whole control frames
	pinged   time.Time      // when the ping was sent that is not answered yet
	closed   bool           // the last frame of queued, or that was written, is a Close
	err      error          // why nothing can be written any more
	flushers sync.WaitGroup // goroutines that write queued
}

// newConn makes a WebSocket of a connection behind its handshake. early is what
// has been read of it already.
func newConn(conn net.Conn, early []byte, client bool, subprotocol string) *Conn {
	c := &Conn{
		conn: conn, socket: socketOf(conn), client: client, subprotocol: subprotocol, closeWait: closeWait, lingerWait: lingerWait,
		in: newSource(conn, early), frames: frames{masked: !client}, meter: new(Meter),
	}
	c.changed.L = &c.mu
	return c
}

// CanResume says whether the peers have agreed on the protocol of sessions: then
// the tunnel is one of Sessions.Open, Sessions.Resume or Forward and not of Join.
func (c *Conn) CanResume() bool {
	return strings.EqualFold(c.subprotocol, protocolTunnel) || strings.EqualFold(c.subprotocol, protocolResume) // as the client spells it
}

// fill waits for bytes of the peer, once next has no more.
func (c *Conn) fill() (err error) {
	c.waiting.Store(true)
	c.frames.rest, err = c.in.read()
	c.waiting.Store(false)
	c.received.Add(int64(len(c.frames.rest)))
	return err
}

// next gives the next piece of data, and sees to the control frames before it.
// It does not wait: ok is false when there is nothing more. The error is a
// *CloseError when the peer has closed and a *failure when it has broken the
// protocol. Either has been answered then, and nothing more is to be read.
func (c *Conn) next() (p piece, ok bool, err error) {
	for {
		p, ok, err := c.frames.next()
		if err != nil {
			c.fail(err.(*failure))
		}
		if !ok || p.op < opClose {
			return p, ok, err
		}
		switch p.op {
		case opPing:
			c.queue(opPong, p.payload)
		case opPong:
			c.ponged()
		case opClose:
			return piece{}, false, c.takeClose(p.payload)
		}
	}
}

// takeClose answers a Close frame and gives what it says.
func (c *Conn) takeClose(payload []byte) error {
	closed, err := parseClose(payload)
	if err != nil {
		c.fail(err.(*failure))
		return err
	}
	c.queue(opClose, payload)
	return closed
}

// fail tells the peer that it has broken the protocol.
func (c *Conn) fail(f *failure) { c.sayClose(f.code, "protocol error") }

// sayClose sends a Close frame, unless one has been sent. Nothing can be sent
// behind it.
func (c *Conn) sayClose(code closeCode, reason string) {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	c.queue(opClose, append(payload, cutReason(reason)...))
}

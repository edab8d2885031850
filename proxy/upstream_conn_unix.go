//go:build unix

package proxy

import (
	"net"
	"syscall"
)

// peeker looks into a connection's input without waiting and without taking
// anything out.
type peeker struct {
	conn   syscall.RawConn
	peek   func(fd uintptr) // bound once
	silent bool             // peek has found nothing,
	input  bool             // or something
}

func (p *peeker) init(conn net.Conn) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if c, err := raw.SyscallConn(); err == nil {
		p.conn = c
	}
	p.peek = func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		p.silent, p.input = err == syscall.EAGAIN, err == nil && n > 0
	}
}

// open tells whether the other end has not closed the connection, as far as is
// known, or there is still something to be read.
func (p *peeker) open() bool {
	if p.conn == nil {
		return true
	}
	return p.conn.Control(p.peek) == nil && (p.silent || p.input)
}

// quiet tells whether the connection is open and has no input.
func (p *peeker) quiet() bool {
	if p.conn == nil {
		return true
	}
	return p.conn.Control(p.peek) == nil && p.silent
}

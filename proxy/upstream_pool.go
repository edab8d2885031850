package proxy

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// pool keeps connections for HTTP/1.1, by address. Those that are idle are
// used again, the one that was used last first, so that the others can grow
// old. Where there may be no more of them, requests get theirs in the order in
// which they have come.
type pool struct {
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	maxConns    int // per address; 0 for any number
	maxIdle     int
	idleTimeout time.Duration

	mu     sync.Mutex
	hosts  map[string]*poolHost
	timer  *time.Timer // of sweep; nil before the first connection was idle
	armed  bool        // timer will fire
	closed bool
}

// poolHost is what a pool has for one address. It is forgotten when there is
// nothing more of it.
type poolHost struct {
	address string
	open    int             // connections, those that are being made included
	idle    []*upstreamConn // who came last is last
	waiting []chan *upstreamConn
}

// errNoneFree means that a request has waited for a connection for too long.
var errNoneFree = errors.New("no connection to the upstream became free in time, as many as maxSockets allows are in use")

// get gives a connection for c: one that was idle, or else, or always with
// fresh, one that is made for it. The caller puts it back or drops it.
func (p *pool) get(c *call, fresh bool) (*upstreamConn, error) {
	p.mu.Lock()
	h := p.host(c.address)
	for !fresh && len(h.idle) > 0 {
		k := h.idle[len(h.idle)-1]
		h.idle[len(h.idle)-1] = nil
		h.idle = h.idle[:len(h.idle)-1]
		p.mu.Unlock()
		if k.quiet() {
			return k, nil
		}
		k.Close()
		p.mu.Lock()
		h.open--
	}
	full := p.maxConns > 0 && h.open >= p.maxConns
	switch {
	case full && len(h.idle) > 0: // and a fresh one is wanted
		p.closeIdle(h, 1)
	case full:
		turn := make(chan *upstreamConn, 1)
		h.waiting = append(h.waiting, turn)
		p.mu.Unlock()
		return p.wait(c, h, turn)
	}
	h.open++
	p.hosts[h.address] = h // closeIdle may have forgotten it
	p.mu.Unlock()
	return p.connect(c, h)
}

// host gives what there is for address; p.mu is held.
func (p *pool) host(address string) *poolHost {
	h := p.hosts[address]
	if h == nil {
		h = &poolHost{address: address}
		p.hosts[address] = h
	}
	return h
}

// wait waits for what turn brings: a connection that another request has done
// with, or nil for the right to make one.
func (p *pool) wait(c *call, h *poolHost, turn chan *upstreamConn) (*upstreamConn, error) {
	timer := time.NewTimer(c.watch.left())
	defer timer.Stop()
	err := errNoneFree
	select {
	case k := <-turn:
		switch {
		case k == nil:
			return p.connect(c, h)
		case k.quiet():
			return k, nil
		}
		k.Close()
		return p.connect(c, h)
	case <-timer.C:
	case <-c.ctx.Done():
		err = context.Cause(c.ctx)
	}
	p.mu.Lock()
	i := slices.Index(h.waiting, turn)
	if i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // its turn has come just now
		if k := <-turn; k != nil {
			p.put(k)
		} else {
			p.giveUp(h)
		}
	}
	return nil, err
}

// connect makes a connection, which is counted in h.open already.
func (p *pool) connect(c *call, h *poolHost) (*upstreamConn, error) {
	conn, err := p.dial(c.ctx, "tcp", h.address)
	if err != nil {
		p.giveUp(h)
		return nil, err
	}
	c.watch.watch() // connecting had its own time
	return newUpstreamConn(conn, p, h), nil
}

// giveUp says that one of the connections of h is no more.
func (p *pool) giveUp(h *poolHost) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(h.waiting) > 0 {
		h.next() <- nil
		return
	}
	h.open--
	if h.open == 0 && p.hosts[h.address] == h {
		delete(p.hosts, h.address)
	}
}

// next takes who has waited longest out of the queue.
func (h *poolHost) next() chan *upstreamConn {
	turn := h.waiting[0]
	h.waiting[0] = nil
	h.waiting = h.waiting[1:]
	return turn
}

// put takes back a connection that can be used again.
func (p *pool) put(k *upstreamConn) {
	p.mu.Lock()
	h := k.host
	switch {
	case len(h.waiting) > 0:
		h.next() <- k
	case p.closed || len(h.idle) >= p.maxIdle:
		p.mu.Unlock()
		k.Close()
		p.giveUp(h)
		return
	default:
		k.idleSince = time.Now()
		h.idle = append(h.idle, k)
		p.arm(p.idleTimeout)
	}
	p.mu.Unlock()
}

// arm has sweep called; p.mu is held.
func (p *pool) arm(after time.Duration) {
	switch {
	case p.armed:
		return
	case p.timer == nil:
		p.timer = time.AfterFunc(after, p.sweep)
	default:
		p.timer.Reset(after)
	}
	p.armed = true
}

// sweep closes the connections that have been idle for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	now, next := time.Now(), time.Duration(0)
	for _, h := range p.hosts {
		old := 0
		for old < len(h.idle) && now.Sub(h.idle[old].idleSince) >= p.idleTimeout {
			old++
		}
		p.closeIdle(h, old)
		if len(h.idle) > 0 {
			if left := p.idleTimeout - now.Sub(h.idle[0].idleSince); next == 0 || left < next {
				next = left
			}
		}
	}
	if next > 0 {
		p.arm(next)
	}
}

// closeIdle closes the first n idle connections of h; p.mu is held. Nobody
// waits for one where there are some.
func (p *pool) closeIdle(h *poolHost, n int) {
	for _, k := range h.idle[:n] {
		k.Close()
	}
	h.idle = slices.Delete(h.idle, 0, n)
	h.open -= n
	if h.open == 0 {
		delete(p.hosts, h.address)
	}
}

// close closes the idle connections, and those in use when they come back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
		p.armed = false
	}
	for _, h := range p.hosts {
		p.closeIdle(h, len(h.idle))
	}
}

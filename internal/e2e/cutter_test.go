//go:build unix

package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// cutter is a TCP proxy between dewebsockify and the server that breaks
// connections, and can be made to swallow everything.
type cutter struct {
	target string
	port   int

	mu    sync.Mutex
	pairs map[net.Conn]net.Conn // the client's connection to the server's
	mute  map[net.Conn]bool     // what comes from these gets nowhere, nor does their end
	dark  bool                  // new connections get no answer
	bytes int64                 // passed on so far
	moved *sync.Cond
}

func startCutter(t *testing.T, target string) *cutter {
	t.Helper()
	c := &cutter{target: target, pairs: make(map[net.Conn]net.Conn), mute: make(map[net.Conn]bool)}
	c.moved = sync.NewCond(&c.mu)
	c.port = listenTCP(t, c.serve)
	t.Cleanup(func() { c.cut(false) })
	return c
}

func (c *cutter) address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *cutter) serve(client net.Conn) {
	c.mu.Lock()
	dark := c.dark
	if dark {
		c.pairs[client] = client // to be cut with the others
	}
	c.mu.Unlock()
	if dark {
		io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	c.pairs[client] = server
	c.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { c.pass(server, client) })
	wg.Go(func() { c.pass(client, server) })
	wg.Wait()
}

func (c *cutter) pass(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		c.bytes += int64(n)
		c.moved.Broadcast()
		mute := c.mute[from]
		c.mu.Unlock()
		if mute {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// cut breaks every connection; where halfOpen is set, the server does not
// notice.
func (c *cutter) cut(halfOpen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for client, server := range c.pairs {
		client.(*net.TCPConn).SetLinger(0)
		client.Close()
		if !halfOpen {
			server.Close()
		}
		if !halfOpen {
			delete(c.pairs, client)
		}
	}
}

// silence makes the connections that are open half-open links: they stay, but
// nothing that the clients send arrives, or nothing that the server sends.
func (c *cutter) silence(clients bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for client, server := range c.pairs {
		if clients {
			c.mute[client] = true
		} else {
			c.mute[server] = true
		}
	}
}

// blackout lets nothing through, and the server hears of no end; light ends it.
func (c *cutter) blackout() { c.setDark(true) }
func (c *cutter) light()    { c.setDark(false) }

func (c *cutter) setDark(dark bool) {
	c.mu.Lock()
	c.dark = dark
	c.mu.Unlock()
	c.cut(true)
}

// after waits until so many more bytes have passed.
func (c *cutter) after(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := c.bytes + n; c.bytes < end; {
		c.moved.Wait()
	}
}

package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// listenAndForward makes a tunnel of every connection to the local port, until
// ctx is done and every tunnel has ended.
func (c *client) listenAndForward(ctx context.Context) int {
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		c.log.Printf("cannot listen on %s: %s", c.listen, listenProblem(err))
		return exitPort
	}
	local := listener.Addr().(*net.TCPAddr)
	if !local.IP.IsLoopback() {
		c.log.Printf("warning: everyone who can reach %s can use the tunnel", local)
	}
	c.log.Printf("listening on %s, forwarding to %s", local, c.url.Redacted())

	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var tunnels sync.WaitGroup
	defer tunnels.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return exitOK
			}
			c.log.Printf("cannot accept a connection: %v", err)
			if !pause(ctx) {
				return exitOK
			}
			continue
		}
		tunnels.Go(func() {
			if failed := c.forward(ctx, conn); failed != nil {
				c.log.Print(failed.text)
			}
		})
	}
}

// pause waits a second after an error of Accept, which is mostly that this
// process has too many open files. It is false when ctx is done.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func listenProblem(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program uses the port; choose another, or 0 for a free one"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 are for root; choose a higher one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have that address"
	}
	return reason(err)
}

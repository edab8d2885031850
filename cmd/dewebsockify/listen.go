package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// listen opens every forward's local side, or none.
func listen(clients []*client) (listeners []net.Listener, err error) {
	for _, c := range clients {
		listener, err := c.bind()
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return nil, fmt.Errorf("cannot listen on %s: %w", c.listen, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// bind opens the local side. From then on its address is c.listen.
func (c *client) bind() (net.Listener, error) {
	if path, ok := strings.CutPrefix(c.listen, unixPrefix); ok {
		return listenUnix(path)
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return nil, errors.New(listenProblem(err))
	}
	c.listen = listener.Addr().String()
	return listener, nil
}

// serve makes tunnels of the connections to every forward's local side, until
// ctx is done and every tunnel has ended.
func serve(ctx context.Context, clients []*client, listeners []net.Listener) {
	var all sync.WaitGroup
	for i, c := range clients {
		if tcp, ok := listeners[i].Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			c.log.Printf("warning: everyone who can reach %s can use the tunnel", c.listen)
		}
		c.log.Printf("listening on %s, forwarding to %s", c.listen, shown(c.url))
		if len(clients) > 1 {
			c.log.SetPrefix(c.log.Prefix() + c.listen + ": ")
		}
		all.Go(func() { c.serve(ctx, listeners[i]) })
	}
	all.Wait()
}

// serve makes a tunnel of every connection to listener, which it closes.
func (c *client) serve(ctx context.Context, listener net.Listener) {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var tunnels sync.WaitGroup
	defer tunnels.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			c.log.Printf("cannot accept a connection: %v", err)
			if !pause(ctx) {
				return
			}
			continue
		}
		tunnels.Go(func() {
			if failed := c.carry(ctx, conn); failed != nil {
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

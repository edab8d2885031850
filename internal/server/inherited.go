package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"httpmaster/internal/socket"
)

// Socket is a listening socket that goes from one process to the next.
type Socket struct {
	// Key is the port's that had it in the process before; "" if that was no
	// server of ours, and its address tells what it is for.
	Key string `json:"key"`
	// Foreign tells that the one that opened it first was none, who then also
	// removes its file.
	Foreign bool     `json:"foreign"`
	File    *os.File `json:"-"` // its name is for the log
}

// inheritedSocket is one that was open when the process started.
type inheritedSocket struct {
	Socket
	ln net.Listener
}

// Inherit gives the server a listening socket that was open when the process
// started: the first Apply takes it for the port that it suits, instead of
// opening one. What no port takes is closed then. The file is the server's from
// here on, which closes it.
func (s *Server) Inherit(socket Socket) error {
	defer socket.File.Close()
	ln, err := net.FileListener(socket.File)
	if err != nil {
		return fmt.Errorf("the inherited descriptor %s is no listening stream socket: %w", socket.File.Name(), err)
	}
	s.inherited = append(s.inherited, inheritedSocket{socket, ln})
	return nil
}

// takeInherited gives the inherited socket for p, nil if there is none.
func (s *Server) takeInherited(p *port) (net.Listener, error) {
	i := slices.IndexFunc(s.inherited, func(i inheritedSocket) bool { return i.suits(p) })
	if i < 0 {
		return nil, nil
	}
	found := s.inherited[i]
	s.inherited = slices.Delete(s.inherited, i, i+1)
	switch ln := found.ln.(type) {
	case *net.TCPListener:
		return inheritTCP(ln, p)
	case *net.UnixListener:
		if p.private {
			return ownPrivate(ln, p.address)
		}
		if found.Foreign {
			return foreignUnix{ln}, nil
		}
		ln.SetUnlinkOnClose(true)
	}
	return found.ln, nil
}

// suits tells whether the socket is the one that p would open.
func (i *inheritedSocket) suits(p *port) bool {
	if i.Key != "" || p.private { // whose mode only a server of ours has seen to
		return i.Key == p.key
	}
	switch addr := i.ln.Addr().(type) {
	case *net.UnixAddr:
		path, err := filepath.Abs(p.address)
		return p.network == "unix" && err == nil && addr.Name == path
	case *net.TCPAddr:
		if p.network == "unix" {
			return false
		}
		want, err := net.ResolveTCPAddr(p.network, p.address)
		return err == nil && want.Port == addr.Port &&
			(want.IP.Equal(addr.IP) || (want.IP == nil || want.IP.IsUnspecified()) && addr.IP.IsUnspecified())
	}
	return false
}

// dropInherited closes the sockets that no port has taken.
func (s *Server) dropInherited() {
	for _, unused := range s.inherited {
		if unused.Key == "" {
			s.log.Warn("no port of the config listens on this inherited socket, it is closed",
				"socket", unused.File.Name(), "address", unused.ln.Addr())
		}
		unused.ln.Close()
	}
	s.inherited = nil
}

// foreignUnix is a Unix socket whose file is somebody else's.
type foreignUnix struct{ *net.UnixListener }

// inheritedTCP has its connections kept alive as those of sockets that the
// server opens.
type inheritedTCP struct{ *net.TCPListener }

func inheritTCP(ln *net.TCPListener, p *port) (net.Listener, error) {
	raw, err := ln.SyscallConn()
	if err == nil {
		err = socket.SetUserTimeout(raw, p.limits.vanished)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return inheritedTCP{ln}, nil
}

// Accept is part of net.Listener.
func (l inheritedTCP) Accept() (net.Conn, error) {
	conn, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	_ = conn.SetKeepAliveConfig(keepAlive) // the client may have left
	return conn, nil
}

// Sockets gives the sockets that are listened on, for the process that takes
// this one's place. Their files are copies, which the caller closes.
func (s *Server) Sockets() ([]Socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Socket
	for key, l := range s.listeners {
		file, err := l.ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			CloseSockets(list)
			return nil, fmt.Errorf("cannot hand over port %s: %w", key, err)
		}
		_, foreign := l.ln.(foreignUnix)
		list = append(list, Socket{Key: key, Foreign: foreign, File: file})
	}
	return list, nil
}

// CloseSockets closes the files of what Sockets gave.
func CloseSockets(list []Socket) {
	for _, s := range list {
		s.File.Close()
	}
}

package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// unixPrefix stands before the path of a Unix socket.
const unixPrefix = "unix:"

// listenUnix listens on a socket that nobody but this user can connect to. What
// a program left there that has ended is removed; anything else is not.
func listenUnix(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	var listener net.Listener
	var err error
	asPrivate(func() { listener, err = net.Listen("unix", path) })
	if err != nil {
		return nil, errors.New(reason(err))
	}
	return listener, nil
}

var errInUse = errors.New("another program uses the socket")

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if found.Mode()&fs.ModeSocket == 0 {
		return errors.New("the file is there already, and is no socket")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return errInUse
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New(reason(err))
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(found, now) {
		return errInUse
	}
	return os.Remove(path)
}

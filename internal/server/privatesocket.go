package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// privateListener is a Unix socket that only its owner may open.
type privateListener struct {
	*net.UnixListener
	path  string
	owner fs.FileInfo // of the file; another process may put its own there
	once  sync.Once
}

// listenPrivate makes one. It gets its name when it has its mode: before, others
// could open it.
func listenPrivate(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	at := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: at, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	l := &privateListener{UnixListener: ln, path: path}
	if err = os.Chmod(at, 0o600); err == nil {
		l.owner, err = os.Lstat(at)
	}
	if err == nil {
		err = os.Rename(at, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return l, nil
}

// ownPrivate makes one of a socket that was made so by the process before, and
// has its name.
func ownPrivate(ln *net.UnixListener, path string) (net.Listener, error) {
	ln.SetUnlinkOnClose(false)
	owner, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return &privateListener{UnixListener: ln, path: path, owner: owner}, nil
}

// Close closes the socket and removes its file.
func (l *privateListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.owner) {
			_ = os.Remove(l.path) // the next start does
		}
	})
	return l.UnixListener.Close()
}

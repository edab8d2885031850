//go:build unix

package certs

import (
	"io/fs"
	"syscall"
)

// checkWritable asks the system whether this process may make files in dir.
func checkWritable(dir string) error {
	const writeAndSearch = 2 | 1 // W_OK and X_OK of access(2)
	if err := syscall.Access(dir, writeAndSearch); err != nil {
		return &fs.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}

//go:build unix

package main

import "syscall"

// asPrivate calls create so that the file it makes is for this user alone from
// the first moment on.
func asPrivate(create func()) {
	defer syscall.Umask(syscall.Umask(0o177))
	create()
}

//go:build unix

package main

import "golang.org/x/sys/unix"

// echoOff keeps a terminal from showing what is typed; lines and signals stay.
func echoOff(fd int) error {
	mode, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	mode.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, setTermios, mode)
}

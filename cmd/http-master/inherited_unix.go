//go:build unix

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"httpmaster/internal/server"
)

// firstInherited is the first descriptor behind standard error.
const firstInherited = 3

// inheritActivated gives srv the sockets that systemd has opened for the process
// (sd_listen_fds(3)), and gives what is wrong with some of them.
func inheritActivated(srv *server.Server) (wrong []error) {
	pid, _ := strconv.Atoi(os.Getenv("LISTEN_PID"))
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // what the process starts has not inherited them
	}
	if pid != os.Getpid() {
		return nil
	}
	for i := range n {
		name := strconv.Itoa(firstInherited + i)
		if i < len(names) && names[i] != "" && names[i] != "unknown" {
			name = fmt.Sprintf("%s (%s)", name, names[i])
		}
		if err := srv.Inherit(server.Socket{Foreign: true, File: inheritedFile(firstInherited+i, name)}); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// inheritedFile gives the file of a descriptor that the process was started with,
// which those that it starts itself do not get.
func inheritedFile(fd int, name string) *os.File {
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

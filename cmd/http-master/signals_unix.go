//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// catchSignals gives the signals that the server answers, from now on.
func catchSignals() <-chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
	return c
}

// isReload tells the signals that ask for a reload from those that ask to stop.
func isReload(s os.Signal) bool { return s == syscall.SIGHUP || s == syscall.SIGUSR1 }

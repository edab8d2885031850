//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// catchSignals gives the signals that the server answers, from now on: those
// that ask to reload, of which any number that come at once are one, and those
// that ask to stop.
func catchSignals() (reloads, stops <-chan os.Signal) {
	r, s := make(chan os.Signal, 1), make(chan os.Signal, 2)
	signal.Notify(r, syscall.SIGHUP, syscall.SIGUSR1)
	signal.Notify(s, syscall.SIGINT, syscall.SIGTERM)
	return r, s
}

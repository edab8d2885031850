//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// catchSignals has the signals that the server answers come there, from now on.
func catchSignals() signals {
	r, u, s := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 2)
	signal.Notify(r, syscall.SIGHUP, syscall.SIGUSR1)
	signal.Notify(u, syscall.SIGUSR2)
	signal.Notify(s, syscall.SIGINT, syscall.SIGTERM)
	return signals{reloads: r, upgrades: u, stops: s}
}

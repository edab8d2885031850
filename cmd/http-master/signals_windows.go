package main

import (
	"os"
	"os/signal"
)

// catchSignals gives the signals that the server answers, from now on. Windows
// has none that could ask for a reload; --watch does.
func catchSignals() <-chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt)
	return c
}

func isReload(os.Signal) bool { return false }

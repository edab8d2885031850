package main

import (
	"os"
	"os/signal"
)

// catchSignals gives the signals that the server answers, from now on. Windows
// has none that could ask for a reload; --watch does.
func catchSignals() (reloads, stops <-chan os.Signal) {
	s := make(chan os.Signal, 2)
	signal.Notify(s, os.Interrupt)
	return nil, s
}

package main

import (
	"os"
	"os/signal"
)

// catchSignals has the signals that the server answers come there, from now on.
// Windows has none that could ask for a reload; --watch does.
func catchSignals() signals {
	s := make(chan os.Signal, 2)
	signal.Notify(s, os.Interrupt)
	return signals{stops: s}
}

package main

import (
	"errors"
	"os/exec"

	"httpmaster/internal/server"
)

// successor is never there on Windows.
type successor struct {
	cmd     *exec.Cmd
	outcome chan error
}

func startSuccessor(string, *server.Server, string) (*successor, error) {
	return nil, errors.New("there is no upgrade in place on Windows: stop the server and start the new one")
}

// predecessor is never there on Windows.
type predecessor struct{ handover }

func findPredecessor(*server.Server) (*predecessor, error) { return nil, nil }

func (*predecessor) takeOver() {}

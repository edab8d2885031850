//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"httpmaster/internal/server"
)

// The descriptors that a new process starts with.
const (
	stderrDescriptor = firstInherited + iota // becomes standard error when it is ready
	readyDescriptor                          // a pipe: a byte says that it is ready
	firstSocket
)

// mostSaid is how much of what a new process writes while it starts is kept.
const mostSaid = 16 << 10

// successor is a process that is to take this one's place.
type successor struct {
	cmd     *exec.Cmd
	outcome chan error // gets nil when it serves, or why it never will
	said    []byte     // to standard error before that
}

// startSuccessor starts program with the sockets of srv.
func startSuccessor(program string, srv *server.Server, admin string) (*successor, error) {
	sockets, err := srv.Sockets()
	if err != nil {
		return nil, err
	}
	defer server.CloseSockets(sockets)
	text, err := json.Marshal(handover{sockets, admin})
	if err != nil {
		return nil, err
	}
	said, says, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer says.Close()
	ready, tells, err := os.Pipe()
	if err != nil {
		said.Close()
		return nil, err
	}
	defer tells.Close()

	n := &successor{cmd: exec.Command(program, os.Args[1:]...), outcome: make(chan error, 1)}
	n.cmd.Args[0] = os.Args[0]
	n.cmd.Stdin, n.cmd.Stdout, n.cmd.Stderr = os.Stdin, os.Stdout, says
	n.cmd.ExtraFiles = []*os.File{os.Stderr, tells}
	for _, socket := range sockets {
		n.cmd.ExtraFiles = append(n.cmd.ExtraFiles, socket.File)
	}
	n.cmd.Env = append(os.Environ(), handoverVariable+"="+string(text))
	if err := n.cmd.Start(); err != nil {
		said.Close()
		ready.Close()
		return nil, fmt.Errorf("cannot start the new process: %w", err)
	}
	go n.follow(said, ready)
	return n, nil
}

// follow reads what n writes until it is ready or has ended, and tells which. It
// returns when n has ended.
func (n *successor) follow(said, ready *os.File) {
	defer ready.Close()
	chunk := make([]byte, 4096)
	for {
		count, err := said.Read(chunk)
		n.said = append(n.said, chunk[:count]...)
		n.said = n.said[max(0, len(n.said)-mostSaid):]
		if err != nil {
			break
		}
	}
	said.Close()
	if _, err := io.ReadFull(ready, chunk[:1]); err == nil {
		_, _ = os.Stderr.Write(n.said)
		n.outcome <- nil
		_ = n.cmd.Wait()
		return
	}
	err := n.cmd.Wait()
	if err == nil {
		n.outcome <- fmt.Errorf("%sthe new process ended before it was ready", n.said)
		return
	}
	n.outcome <- fmt.Errorf("%sthe new process ended before it was ready: %w", n.said, err)
}

// predecessor is the process whose place this one is to take; nil for none.
type predecessor struct {
	handover
	stderr, ready *os.File
}

// findPredecessor gives it, and srv its sockets.
func findPredecessor(srv *server.Server) (*predecessor, error) {
	text, ok := os.LookupEnv(handoverVariable)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(handoverVariable)
	p := &predecessor{stderr: inheritedFile(stderrDescriptor, "stderr"), ready: inheritedFile(readyDescriptor, "ready")}
	if err := json.Unmarshal([]byte(text), &p.handover); err != nil {
		return nil, fmt.Errorf("%s is not understood: %w", handoverVariable, err)
	}
	for i, socket := range p.Sockets {
		socket.File = inheritedFile(firstSocket+i, socket.Key)
		if err := srv.Inherit(socket); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// takeOver tells p that this process serves.
func (p *predecessor) takeOver() {
	_ = replaceStderr(p.stderr) // it goes on to where p reads nothing any more
	p.stderr.Close()
	_, _ = p.ready.Write([]byte{1})
	p.ready.Close()
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"httpmaster/internal/server"
)

// readyLimit is how long a new process may take until it serves.
const readyLimit = time.Minute

// longestLeave is how long a process whose place another one has taken goes on
// with its requests and tunnels.
const longestLeave = 24 * time.Hour

// handoverVariable is the environment variable in which a new process finds the
// handover, as JSON.
const handoverVariable = "HTTP_MASTER_HANDOVER"

// handover is what a process tells the one that takes its place.
type handover struct {
	Sockets []server.Socket `json:"sockets"` // in the order of their descriptors
	Admin   string          `json:"admin"`   // where the admin socket is, if the config does not say
}

// ownProgram gives the file that the process was started from, by the name that
// was used: what has this name later is the new program.
func ownProgram() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return os.Executable()
	}
	return filepath.Abs(path)
}

// upgrade starts the program anew and waits until that serves. Otherwise nothing
// has changed, and wrong says why, as the log does.
func (r *reloader) upgrade(stops <-chan os.Signal) (next *successor, wrong []string) {
	r.log.Info("upgrading: starting the new process", "program", r.program)
	notify(reloading())
	next, err := startSuccessor(r.program, r.srv, r.srv.Admin.Socket)
	if err == nil {
		err = r.await(next, stops)
	}
	if err == nil {
		notify(becomesMain(next.cmd.Process.Pid))
		return next, nil
	}
	notify("READY=1")
	wrong = strings.Split(strings.TrimSpace(err.Error()), "\n")
	for _, line := range wrong {
		r.log.Error(line)
	}
	r.log.Error("the upgrade failed, this process goes on as it was")
	return nil, wrong
}

// await waits until next serves. If it does not, it has ended afterwards.
func (r *reloader) await(next *successor, stops <-chan os.Signal) error {
	timer := time.NewTimer(readyLimit)
	defer timer.Stop()
	var err error
	select {
	case err := <-next.outcome:
		return err
	case <-timer.C:
		err = errors.New("the new process was not ready within " + readyLimit.String())
	case <-stops:
		r.stop()
		err = errStopping
	}
	_ = next.cmd.Process.Kill()
	return err
}

// leave goes on with what is under way here until it has ended, for another
// process has everything else.
func leave(srv *server.Server, log *slog.Logger, stops <-chan os.Signal, next *successor) {
	log.Info("upgraded: the new process serves, this one ends with its last request and tunnel",
		"new", next.cmd.Process.Pid, "old", os.Getpid())
	_ = os.Unsetenv("NOTIFY_SOCKET") // how the service does is the other's to tell
	ctx, cancel := context.WithTimeout(context.Background(), longestLeave)
	defer cancel()
	go func() {
		select {
		case <-stops:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = srv.Leave(ctx) // what is left is ended as in any stop
}

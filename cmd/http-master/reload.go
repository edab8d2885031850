package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"httpmaster/config"
	"httpmaster/internal/server"
)

// watchInterval is how often the config file is looked at. Polling sees every
// way of writing a file: in place, by rename, by a swapped link, over NFS.
const watchInterval = time.Second

// reloader keeps a server at what its config file says.
type reloader struct {
	file    string
	program string // to start for an upgrade
	options serveOptions
	srv     *server.Server
	log     *slog.Logger

	always bool // --watch: reload when the file changes, whatever it says
	asked  bool // watchConfig in the file that is served

	user, group string        // that were asked for at start
	patience    time.Duration // shutdownTimeout of the config that is served

	served   [32]byte  // hash of the content that is served
	rejected [32]byte  // hash of the content that was refused last
	seen     fileState // nothing at first: the file may have changed since it was loaded

	reloads  chan chan<- []string // by the admin socket; see ask
	upgrades chan chan<- []string // as these
	stops    chan struct{}        // by the admin socket
	ended    chan struct{}        // closed when nothing is reloaded any more
}

func newReloader(o serveOptions, srv *server.Server, log *slog.Logger, cfg *config.Config) *reloader {
	return &reloader{
		file: o.config, srv: srv, log: log, served: cfg.Hash, always: o.watch, asked: cfg.WatchConfig,
		options: o, user: cfg.User.Value, group: cfg.Group.Value, patience: cmp.Or(cfg.ShutdownTimeout, shutdownTimeout),
		reloads: make(chan chan<- []string), upgrades: make(chan chan<- []string),
		stops: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// giveAdmin lets the server's admin socket reload, upgrade and stop, and gives what
// to do when the server has ended. The socket is where the process before had it.
func (r *reloader) giveAdmin(before *predecessor) (tidy func()) {
	var socket string
	var err error
	if before != nil {
		socket = before.Admin
	} else if socket, err = prepareSocket(r.file); err != nil {
		r.log.Warn("no admin socket: no folder for it can be made", "err", err)
	}
	r.srv.Admin = &server.Admin{
		Socket: socket, Stop: r.stop,
		Reload:  func(ctx context.Context) ([]string, error) { return r.ask(ctx, r.reloads) },
		Upgrade: func(ctx context.Context) ([]string, error) { return r.ask(ctx, r.upgrades) },
	}
	return func() {
		if socket != "" {
			_ = os.Remove(filepath.Dir(socket)) // unless another server uses it
		}
	}
}

// fileState is what tells that a file may have changed.
type fileState struct {
	modified time.Time
	size     int64
	err      bool
}

func stateOf(file string) fileState {
	info, err := os.Stat(file)
	if err != nil {
		return fileState{err: true}
	}
	return fileState{modified: info.ModTime(), size: info.Size()}
}

// loop reloads when a signal or the admin socket asks for it, and if the file is
// to be watched when it changes, until it is asked to stop, or another process
// has taken this one's place, which is next.
func (r *reloader) loop(s signals) (next *successor) {
	defer close(r.ended)
	changed := false
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.reloads:
			r.reload(true)
		case answer := <-r.reloads:
			answer <- r.reload(true)
		case <-s.upgrades:
			next, _ = r.upgrade(s.stops)
		case answer := <-r.upgrades:
			var wrong []string
			next, wrong = r.upgrade(s.stops)
			answer <- wrong
		case <-s.stops:
			return nil
		case <-r.stops:
			return nil
		case <-ticker.C:
			if !r.always && !r.asked {
				continue
			}
			// A file that is being written changes again; one that rests for
			// a whole interval is complete.
			now := stateOf(r.file)
			if now != r.seen {
				r.seen, changed = now, true
			} else if changed {
				changed = false
				r.reload(false)
			}
		}
		if next != nil {
			return next
		}
	}
}

// errStopping is why nothing is reloaded.
var errStopping = errors.New("the server is stopping")

// ask has the loop do what it does for those who ask there, and gives what is
// wrong, or why it was not tried.
func (r *reloader) ask(ctx context.Context, asks chan<- chan<- []string) (faults []string, err error) {
	answer := make(chan []string, 1)
	select {
	case asks <- answer:
		return <-answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.ended:
		return nil, errStopping
	}
}

// stop has the loop end.
func (r *reloader) stop() {
	select {
	case r.stops <- struct{}{}:
	default: // somebody has asked already
	}
}

// reload builds what the file says now and serves it, or leaves everything as
// it is and says why, in the log and as its result. Content that is served already, or was refused before,
// is looked at again only when forced, because the files that it names may have
// changed.
func (r *reloader) reload(forced bool) (wrong []string) {
	cfg, faults := config.Load(r.file)
	if !forced && (cfg.Hash == r.served || cfg.Hash == r.rejected) {
		return nil
	}
	notify(reloading())
	defer notify("READY=1")
	gen := r.srv.Build(cfg, faults)
	if faults.Err() != nil {
		gen.Discard()
		for _, f := range faults.Errors() {
			wrong = append(wrong, f.String())
		}
		return r.refuse(cfg, wrong...)
	}
	logWarnings(r.log, faults)
	if err := r.srv.Apply(gen); err != nil {
		return r.refuse(cfg, err.Error())
	}
	r.served, r.asked = cfg.Hash, cfg.WatchConfig
	r.patience = cmp.Or(cfg.ShutdownTimeout, shutdownTimeout)
	r.log.Info("config reloaded")
	r.warnOfUser(cfg)
	announce(r.log, gen)
	return nil
}

// warnOfUser says that a running server cannot become somebody else.
func (r *reloader) warnOfUser(cfg *config.Config) {
	become(cfg, r.options.user, r.options.group)
	if cfg.User.Value != r.user || cfg.Group.Value != r.group {
		r.log.Warn("user and group have changed in the config, which needs a restart; until then the server stays who it is")
	}
}

// refuse says why cfg is not served, and gives the same.
func (r *reloader) refuse(cfg *config.Config, wrong ...string) []string {
	r.rejected = cfg.Hash
	if r.user != "" && slices.ContainsFunc(wrong, func(line string) bool { return strings.Contains(line, syscall.EACCES.Error()) }) {
		wrong = append(wrong, "the server runs as user "+r.user+" and has given up root's rights; a restart opens what only root may open")
	}
	for _, line := range wrong {
		r.log.Error(line)
	}
	r.log.Error("the config was not reloaded, the old one keeps running")
	r.srv.Refused()
	return wrong
}

func logWarnings(log *slog.Logger, faults *config.Faults) {
	for _, f := range faults.Warnings() {
		f.Warning = false // the record's level says so
		log.Warn(f.String())
	}
}

package main

import (
	"log/slog"
	"os"
	"time"

	"httpmaster/config"
	"httpmaster/internal/server"
)

// watchInterval is how often the config file is looked at. Polling sees every
// way of writing a file: in place, by rename, by a swapped link, over NFS.
const watchInterval = time.Second

// reloader keeps a server at what its config file says.
type reloader struct {
	file string
	srv  *server.Server
	log  *slog.Logger

	served   [32]byte // hash of the content that is served
	rejected [32]byte // hash of the content that was refused last
	seen     fileState
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

// loop reloads when a signal asks for it, and with watch set when the file
// changes, until a signal asks to stop.
func (r *reloader) loop(signals <-chan os.Signal, watch bool) {
	var tick <-chan time.Time
	if watch {
		r.seen = stateOf(r.file)
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	changed := false
	for {
		select {
		case s := <-signals:
			if !isReload(s) {
				return
			}
			r.reload(true)
		case <-tick:
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
	}
}

// reload builds what the file says now and serves it, or leaves everything as
// it is and says why. Content that is served already, or was refused before,
// is looked at again only when forced, because the files that it names may have
// changed.
func (r *reloader) reload(forced bool) {
	cfg, faults := config.Load(r.file)
	if !forced && (cfg.Hash == r.served || cfg.Hash == r.rejected) {
		return
	}
	gen := r.srv.Build(cfg, faults)
	if faults.Err() != nil {
		gen.Discard()
		r.rejected = cfg.Hash
		for _, f := range faults.Errors() {
			r.log.Error(f.String())
		}
		r.log.Error("the config was not reloaded, the old one keeps running")
		return
	}
	for _, f := range faults.Warnings() {
		r.log.Warn(f.String())
	}
	if err := r.srv.Apply(gen); err != nil {
		r.rejected = cfg.Hash
		r.log.Error(err.Error())
		r.log.Error("the config was not reloaded, the old one keeps running")
		return
	}
	r.served = cfg.Hash
	r.log.Info("config reloaded")
	announce(r.log, gen)
}

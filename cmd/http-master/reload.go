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

	always bool // --watch: reload when the file changes, whatever it says
	asked  bool // watchConfig in the file that is served

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

// loop reloads when a signal asks for it, and if the file is to be watched when
// it changes, until a signal asks to stop.
func (r *reloader) loop(signals <-chan os.Signal) {
	r.seen = stateOf(r.file)
	changed := false
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case s := <-signals:
			if !isReload(s) {
				return
			}
			r.reload(true)
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
		r.srv.Refused()
		return
	}
	logWarnings(r.log, faults)
	if err := r.srv.Apply(gen); err != nil {
		r.rejected = cfg.Hash
		r.log.Error(err.Error())
		r.log.Error("the config was not reloaded, the old one keeps running")
		r.srv.Refused()
		return
	}
	r.served, r.asked = cfg.Hash, cfg.WatchConfig
	r.log.Info("config reloaded")
	announce(r.log, gen)
}

func logWarnings(log *slog.Logger, faults *config.Faults) {
	for _, f := range faults.Warnings() {
		f.Warning = false // the record's level says so
		log.Warn(f.String())
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"httpmaster/config"
	"httpmaster/internal/server"
	"httpmaster/internal/version"
)

// shutdownTimeout is how long requests and tunnels get to end after SIGTERM, if
// the config says nothing else.
const shutdownTimeout = 30 * time.Second

type serveOptions struct {
	config      string
	watch       bool
	silent      bool
	user, group string
	showRules   bool
}

// signals are those that the server answers: by a reload, of which any number
// that come at once are one, by an upgrade, and by its end.
type signals struct{ reloads, upgrades, stops <-chan os.Signal }

// serve runs a config until it is told to stop.
func serve(args []string, stdout, stderr io.Writer) int {
	var o serveOptions
	var showVersion bool
	flags := commands.Flags("", map[string]any{
		"config": &o.config, "watch": &o.watch, "silent": &o.silent, "user": &o.user, "group": &o.group,
		"show-rules": &o.showRules, "version": &showVersion,
	})
	words, code, done := parseArgs(flags, args, stdout, stderr)
	if done {
		return code
	}
	switch {
	case showVersion:
		fmt.Fprintln(stdout, "http-master "+version.Text())
		return exitOK
	case len(words) > 0:
		return usageError(stderr, "unexpected argument %q", words[0])
	case o.config == "":
		return usageError(stderr, "which config? http-master --config FILE")
	}
	return runServer(o, stdout, stderr)
}

func runServer(o serveOptions, stdout, stderr io.Writer) int {
	cfg, faults := config.Load(o.config)
	become(cfg, o.user, o.group)
	out, closeLog, err := logOutput(cfg, stderr)
	if err != nil {
		faults.Errorf(cfg.Modules.AppLog.File.Pos, "modules.appLog: %v", err)
		out, closeLog = stderr, func() {}
	}
	defer closeLog()
	level := slog.LevelInfo
	if o.silent || cfg.Silent {
		level = slog.LevelWarn
	}
	log := newLog(cfg, out, level)

	// Before the ports open: from here on a signal is ours to answer.
	caught := catchSignals()
	srv := server.New(log)
	log = srv.Log()
	srv.Version = version.Text()
	r := newReloader(o, srv, log, cfg)
	before, err := r.inherit()
	if err != nil {
		log.Error(err.Error())
		return exitFault
	}
	defer r.giveAdmin(before)()
	gen := srv.Build(cfg, faults)
	if faults.Err() != nil {
		printFaults(stderr, faults)
		return exitFault
	}
	logWarnings(log, faults)
	if o.showRules {
		printRules(stdout, cfg)
	}
	srv.DropPrivileges = func(paths []string) error {
		return dropPrivileges(cfg.User.Value, cfg.Group.Value, paths)
	}
	if err := srv.Apply(gen); err != nil {
		log.Error(err.Error())
		return exitFault
	}
	announce(log, gen)
	if before != nil {
		before.takeOver() // and tells systemd
	} else {
		notify("READY=1")
	}

	if next := r.loop(caught); next != nil {
		leave(srv, log, caught.stops, next)
	}
	return stop(srv, log, caught.stops, r.patience)
}

// inherit takes what the process was started with: the sockets that systemd has
// opened, or what a process hands over whose place this one takes.
func (r *reloader) inherit() (before *predecessor, err error) {
	if r.program, err = ownProgram(); err != nil {
		return nil, fmt.Errorf("cannot tell from which file this program was started: %w", err)
	}
	for _, err := range inheritActivated(r.srv) {
		r.log.Warn(err.Error())
	}
	return findPredecessor(r.srv)
}

func announce(log *slog.Logger, gen *server.Generation) {
	for _, line := range gen.Summary() {
		log.Info("listening on " + line)
	}
	for _, line := range gen.Hints() {
		log.Info(line)
	}
}

// stop ends what is under way; a second signal, or a time limit, cuts it off.
func stop(srv *server.Server, log *slog.Logger, stops <-chan os.Signal, patience time.Duration) int {
	notify("STOPPING=1")
	log.Info("stopping: finishing requests, closing tunnels")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		<-stops
		cancel()
	}()
	if err := srv.Shutdown(ctx); err != nil {
		log.Warn("stopped; what was still open has been cut off")
		return exitFault
	}
	log.Info("stopped")
	return exitOK
}

// become makes cfg name the user and the group that the command line names.
func become(cfg *config.Config, user, group string) {
	if user != "" {
		cfg.User = config.Text{Value: user}
	}
	if group != "" {
		cfg.Group = config.Text{Value: group}
	}
}

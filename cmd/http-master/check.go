package main

import (
	"fmt"
	"io"
	"log/slog"

	"httpmaster/config"
	"httpmaster/internal/server"
)

// check loads and builds a config as running it would, opens no port and makes
// no file, and says everything it has found: errors and warnings on stderr, the
// summary on stdout. It is exitFault when there are errors.
func check(args []string, stdout, stderr io.Writer) int {
	var file, user, group string
	flags := commands.Flags("check", map[string]any{"config": &file, "user": &user, "group": &group})
	words, code, done := parseArgs(flags, args, stdout, stderr)
	if done {
		return code
	}
	if file == "" && len(words) == 1 {
		file = words[0]
	} else if len(words) > 0 {
		return usageError(stderr, "check: unexpected argument %q", words[0])
	}
	if file == "" {
		return usageError(stderr, "check: which file? check --config FILE")
	}

	cfg, faults := config.Load(file)
	become(cfg, user, group)
	srv := server.NewDry(slog.New(newPlainHandler(stderr, slog.LevelWarn)))
	gen := srv.Build(cfg, faults)
	defer gen.Discard()
	printFaults(stderr, faults)
	if faults.Err() != nil {
		return exitFault
	}
	for _, line := range gen.Summary() {
		fmt.Fprintln(stdout, line)
	}
	fmt.Fprintf(stdout, "%s is fine\n", file)
	return exitOK
}

// printFaults prints errors, then warnings, each kind in the order of the file.
func printFaults(w io.Writer, faults *config.Faults) {
	for _, f := range faults.Errors() {
		fmt.Fprintln(w, f)
	}
	for _, f := range faults.Warnings() {
		fmt.Fprintln(w, f)
	}
}

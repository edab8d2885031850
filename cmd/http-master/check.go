package main

import (
	"flag"
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
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	file := flags.String("config", "", "")
	flags.StringVar(file, "c", "", "")
	user := flags.String("user", "", "")
	group := flags.String("group", "", "")
	if code, done := parseFlags(flags, args, stdout, stderr); done {
		return code
	}
	if *file == "" && flags.NArg() == 1 {
		*file = flags.Arg(0)
	} else if flags.NArg() > 0 {
		return usageError(stderr, "check: unexpected argument %q", flags.Arg(0))
	}
	if *file == "" {
		return usageError(stderr, "check: which file? check --config FILE")
	}

	cfg, faults := config.Load(*file)
	become(cfg, *user, *group)
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
	fmt.Fprintf(stdout, "%s is fine\n", *file)
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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"httpmaster/config"
	"httpmaster/internal/server"
)

// explain is the subcommand explain. It gives the exit status.
func explain(args []string, stdout, stderr io.Writer) int {
	var file, from string
	var asJSON bool
	var q server.Question
	flags := commands.Flags("explain", map[string]any{
		"config": &file, "from": &from, "method": &q.Method, "port": &q.Port, "json": &asJSON,
	})
	urls, code, done := parseArgs(flags, args, stdout, stderr)
	if done {
		return code
	}
	switch {
	case file == "":
		return usageError(stderr, "explain: which config? explain --config FILE URL")
	case len(urls) != 1:
		return usageError(stderr, "explain: which one URL? explain --config FILE URL")
	}
	q.URL = urls[0]
	if from != "" {
		addr, err := netip.ParseAddr(from)
		if err != nil {
			return usageError(stderr, "explain: --from %q is no IP address", from)
		}
		q.From = addr
	}
	cfg, faults := config.Load(file)
	gen := server.NewDry(slog.New(slog.DiscardHandler)).Build(cfg, faults)
	defer gen.Discard()
	if err := faults.Err(); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFault
	}
	explanation, err := gen.Explain(context.Background(), q)
	if err != nil {
		return usageError(stderr, "explain: %v", err)
	}
	if asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(explanation)
	} else {
		_, err = fmt.Fprint(stdout, explanation)
	}
	if err != nil {
		fmt.Fprintln(stderr, "http-master:", err)
		return exitFault
	}
	if !explanation.Answered() {
		return exitFault
	}
	return exitOK
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"httpmaster/config"
	"httpmaster/internal/server"
)

const explainUsage = `usage: http-master explain --config FILE [options] URL

Tells how a request for URL would be answered and why: the port, the rules that
are tried with their lines, what they capture, every element of the chain, and
the target in the end. No port is opened and no request is made; only where a
tunnel's target is checked, its name is looked up.

  -c, --config FILE   the config
  --from ADDRESS      the client's address, for allow and deny
  --method METHOD     GET if not given
  --port KEY          the port as the config has it, where URL's own is not it
  --json              as JSON, for programs

http:// and https:// ask for a page, ws:// and wss:// for a WebSocket.
Exit status: 0 something in the config answers, with whatever status; 1 nothing
does, or the config is faulty; 2 wrong usage.
`

// explain is the subcommand explain. It gives the exit status.
func explain(args []string, stdout, stderr io.Writer) int {
	var file, from string
	var asJSON bool
	var q server.Question
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.StringVar(&file, "config", "", "")
	flags.StringVar(&file, "c", "", "")
	flags.StringVar(&from, "from", "", "")
	flags.StringVar(&q.Method, "method", "", "")
	flags.StringVar(&q.Port, "port", "", "")
	flags.BoolVar(&asJSON, "json", false, "")
	urls, code, done := parseMixed(flags, args, stdout, stderr)
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

// parseMixed parses flags that stand before and behind other arguments, and
// gives those. done is true when the command ends here, with code.
func parseMixed(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (others []string, code int, done bool) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for len(args) > 0 {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprint(stdout, explainUsage)
			return nil, exitOK, true
		case err != nil:
			return nil, usageError(stderr, "explain: %v", err), true
		}
		if args = flags.Args(); len(args) > 0 {
			others, args = append(others, args[0]), args[1:]
		}
	}
	return others, 0, false
}

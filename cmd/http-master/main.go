// Command http-master is a reverse proxy configured by one YAML file. It serves
// web sites and carries TCP services such as SSH through WebSockets on the same
// port.
//
//	http-master --config config.yaml
//	http-master check --config config.yaml
//	http-master cert-scan /etc/http-master/certs
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes of every subcommand.
const (
	exitOK    = 0
	exitFault = 1 // the config, the folder or the machine is at fault; the text says what
	exitUsage = 2 // the command line is
)

const usage = `http-master: a reverse proxy configured by one readable file

Usage:
  http-master --config FILE          run it
  http-master check --config FILE    say what is wrong with FILE, open no port,
                                     make no file; --user and --group as below
  http-master explain --config FILE URL
                                     say how a request for URL would be answered
                                     and why
  http-master cert-scan DIR          say what certificates a folder holds
  http-master passwd FILE USER       set a password in a file for auth; asks for
                                     it, or reads it from standard input

With a running server; --config FILE says which one if there are several, --json
is for programs:
  http-master status                 what it serves, and how it does
  http-master tunnels                the open tunnels
  http-master tunnels close ID       end one of them
  http-master reload                 read the config again; says what is wrong
                                     with it if it is refused
  http-master stop                   finish what is under way and stop

Options when running:
  -c, --config FILE   the config, YAML or JSON
  --watch             reload when FILE changes (as watchConfig: true)
  --silent            only warnings and errors on the terminal
  --user NAME         drop privileges to this user once the ports are open
  --group NAME        and to this group
  --show-rules        print every port's rules at start
  -v, --version       print the version
  -h, --help          print this

Signals: SIGTERM and SIGINT finish what is under way and stop, a second one
stops at once. SIGHUP and SIGUSR1 reload the config; a faulty one changes
nothing.

Exit codes: 0 fine, 1 something is wrong and the text says what, 2 the command
line is wrong.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "check":
			return check(args[1:], stdout, stderr)
		case "explain":
			return explain(args[1:], stdout, stderr)
		case "cert-scan":
			return certScan(args[1:], stdout, stderr)
		case "passwd":
			return passwd(args[1:], os.Stdin, stdout, stderr)
		case "status":
			return showStatus(args[1:], stdout, stderr)
		case "tunnels":
			return tunnels(args[1:], stdout, stderr)
		case "reload":
			return reload(args[1:], stdout, stderr)
		case "stop":
			return stopServer(args[1:], stdout, stderr)
		case "help":
			fmt.Fprint(stdout, usage)
			return exitOK
		}
	}
	return serve(args, stdout, stderr)
}

// parseFlags parses args. done is true when the command ends here, with code.
func parseFlags(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (code int, done bool) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitOK, true
	case err != nil:
		return usageError(stderr, "%v", err), true
	}
	return 0, false
}

// usageError says what is wrong with the command line.
func usageError(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "http-master: "+format+" (--help shows how it is used)\n", args...)
	return exitUsage
}

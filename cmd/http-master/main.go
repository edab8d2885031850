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

	"httpmaster/internal/command"
)

// Exit codes of every subcommand.
const (
	exitOK    = 0
	exitFault = 1 // the config, the folder or the machine is at fault; the text says what
	exitUsage = 2 // the command line is
)

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
		case "upgrade":
			return upgradeServer(args[1:], stdout, stderr)
		case "stop":
			return stopServer(args[1:], stdout, stderr)
		case "completion":
			return completion(args[1:], stdout, stderr)
		case "help":
			fmt.Fprint(stdout, commands.Usage())
			return exitOK
		}
	}
	return serve(args, stdout, stderr)
}

// parseArgs parses the flags of a command, which may stand anywhere, and gives the
// other words. done is true when the command ends here, with code.
func parseArgs(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (words []string, code int, done bool) {
	words, err := command.Parse(flags, args)
	name := flags.Name()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, commands.Help(name))
		return nil, exitOK, true
	case err != nil && name != "":
		return nil, usageError(stderr, "%s: %v", name, err), true
	case err != nil:
		return nil, usageError(stderr, "%v", err), true
	}
	return words, 0, false
}

// usageError says what is wrong with the command line.
func usageError(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "http-master: "+format+" (--help shows how it is used)\n", args...)
	return exitUsage
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"httpmaster/internal/command"
)

// options is a command line that was understood.
type options struct {
	forwards []*forward // one, or several that listen
	verbose  bool
}

// helpWanted is the error that says of which command help is wanted.
type helpWanted string

func (h helpWanted) Error() string { return "help is wanted" }

var errVersion = errors.New("the version is wanted")

// commandLine is what stands on a command line.
type commandLine struct {
	words    []string
	settings []setting
	locals   []string // -L
	config   string
	user     string // --user, of ssh-config
	verbose  bool
}

// parseOptions reads the arguments; options may stand before, between and behind
// the others, up to a "--".
func parseOptions(args []string) (*options, error) {
	line, err := readCommandLine(args, "")
	if err != nil {
		return nil, err
	}
	o := &options{verbose: line.verbose}
	switch {
	case line.config != "" && (len(line.words) > 0 || len(line.locals) > 0 || len(line.settings) > 0):
		return nil, errors.New("with --config, every forward and its options stand in the file; only --verbose goes with it")
	case line.config != "":
		o.forwards, err = readConfig(line.config)
		return o, err
	case len(line.locals) > 0 && len(line.words) > 0:
		return nil, fmt.Errorf("with -L, the URL and the PORT stand behind it, as in -L 2222=wss://myserver.com/: %q is too much", line.words[0])
	case len(line.locals) == 0 && len(line.words) != 2:
		return nil, fmt.Errorf("it takes a URL and a PORT (or HOST:PORT, unix:PATH, or -), not %d arguments", len(line.words))
	case len(line.locals) == 0:
		f, err := newForward(line.words[1], line.words[0], line.settings)
		if err != nil {
			return nil, onCommandLine(err)
		}
		o.forwards = []*forward{f}
		return o, nil
	}
	for _, local := range line.locals {
		listen, address, found := strings.Cut(local, "=")
		if !found || listen == "-" {
			return nil, errors.New("write -L as PORT=URL, HOST:PORT=URL or unix:PATH=URL")
		}
		f, err := newForward(listen, address, line.settings)
		if err != nil {
			return nil, fmt.Errorf("-L %s: %w", listen, onCommandLine(err))
		}
		o.forwards = append(o.forwards, f)
	}
	return o, nil
}

// onCommandLine says which option is wrong. The URL and where to listen have
// none, and their errors say enough.
func onCommandLine(err error) error {
	wrong, ok := errors.AsType[*settingError](err)
	if !ok || wrong.name == "url" || wrong.name == "listen" {
		return err
	}
	return fmt.Errorf("--%s: %w", wrong.name, err)
}

// readCommandLine tells options from words. Name is the command's.
func readCommandLine(args []string, name string) (*commandLine, error) {
	line := &commandLine{}
	var showVersion bool
	to := map[string]any{"version": &showVersion}
	for _, name := range slices.Concat(textSettings, fileSettings, []string{insecureSetting}) {
		to[name] = func(value string) error {
			line.settings = append(line.settings, setting{name, value})
			return nil
		}
	}
	if name == "ssh-config" {
		to["user"] = &line.user
	} else {
		to["L"] = func(value string) error {
			line.locals = append(line.locals, value)
			return nil
		}
		to["config"], to["verbose"] = &line.config, &line.verbose
	}
	var err error
	line.words, err = command.Parse(commands.Flags(name, to), args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, helpWanted(name)
	case err != nil:
		return nil, err
	case showVersion:
		return nil, errVersion
	}
	return line, nil
}

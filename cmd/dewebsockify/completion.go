package main

import (
	"errors"
	"flag"
	"io"

	"httpmaster/internal/command"
)

// completion prints a shell's completion script.
func completion(args []string, env environment) error {
	words, err := command.Parse(commands.Flags("completion", nil), args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return helpWanted("completion")
	case err != nil:
		return err
	case len(words) != 1:
		return errors.New("completion takes a shell: bash, zsh or fish")
	}
	script, err := commands.Completion(words[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(env.stdout, script)
	return err
}

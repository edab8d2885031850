package main

import (
	"fmt"
	"io"
)

// completion prints a shell's completion script.
func completion(args []string, stdout, stderr io.Writer) int {
	words, code, done := parseArgs(commands.Flags("completion", nil), args, stdout, stderr)
	switch {
	case done:
		return code
	case len(words) != 1:
		return usageError(stderr, "completion: for which shell? completion bash, zsh or fish")
	}
	script, err := commands.Completion(words[0])
	if err != nil {
		return usageError(stderr, "completion: %v", err)
	}
	fmt.Fprint(stdout, script)
	return exitOK
}

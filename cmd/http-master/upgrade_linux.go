package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// replaceStderr has standard error, of the whole process, go to f.
func replaceStderr(f *os.File) error { return unix.Dup3(int(f.Fd()), int(os.Stderr.Fd()), 0) }

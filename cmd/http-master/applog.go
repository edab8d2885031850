package main

import (
	"errors"
	"fmt"
	"os"
)

// appLog is the file of the process's own log. Before each line it looks whether
// the file still has its name, and opens the name anew if it has not: a rotation
// needs no signal. It is for one writer at a time, as slog's handlers are.
type appLog struct {
	name string
	file *os.File
}

func openAppLog(name string) (*appLog, error) {
	l := &appLog{name: name}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("cannot open the log file %s: %w", name, errors.Unwrap(err))
	}
	return l, nil
}

func (l *appLog) open() (err error) {
	l.file, err = os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	return err
}

// Write adds a line. If the name cannot be opened anew it goes where the ones
// before it went.
func (l *appLog) Write(line []byte) (int, error) {
	named, err := os.Stat(l.name)
	opened, openedErr := l.file.Stat()
	if err != nil || openedErr != nil || !os.SameFile(named, opened) {
		if old := l.file; l.open() == nil {
			_ = old.Close()
		} else {
			l.file = old
		}
	}
	return l.file.Write(line)
}

func (l *appLog) close() { _ = l.file.Close() }

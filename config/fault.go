package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong, or with Warning set merely doubtful, at
// one place of a file.
type Fault struct {
	File    string
	Pos     Pos
	Warning bool
	Message string
}

// String gives "file:line:col: message"; a warning's message is preceded by
// "warning: ". Line and column are left out where they are not known.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Pos.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Pos.Line, f.Pos.Col)
	}
	b.WriteString(": ")
	if f.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faults collects everything found in one file. The zero value is empty and
// ready to use; File is filled in for each fault added.
type Faults struct {
	File   string
	list   []Fault
	errors int // how many of list are no warnings
}

// Errorf adds an error at pos.
func (fs *Faults) Errorf(pos Pos, format string, args ...any) {
	fs.errors++
	fs.list = append(fs.list, Fault{File: fs.File, Pos: pos, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning at pos.
func (fs *Faults) Warnf(pos Pos, format string, args ...any) {
	fs.list = append(fs.list, Fault{File: fs.File, Pos: pos, Warning: true, Message: fmt.Sprintf(format, args...)})
}

// Errors gives the errors in the order of the file.
func (fs *Faults) Errors() []Fault { return fs.sorted(false) }

// Warnings gives the warnings in the order of the file.
func (fs *Faults) Warnings() []Fault { return fs.sorted(true) }

// Err is nil when there are no errors; otherwise its text is every error on a
// line of its own, in the order of the file.
func (fs *Faults) Err() error {
	errs := fs.Errors()
	if len(errs) == 0 {
		return nil
	}
	lines := make([]string, len(errs))
	for i, f := range errs {
		lines[i] = f.String()
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

func (fs *Faults) sorted(warnings bool) []Fault {
	var out []Fault
	seen := make(map[Fault]bool) // an alias leads to the same fault many times
	for _, f := range fs.list {
		if f.Warning == warnings && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Fault) int {
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Col - b.Pos.Col
	})
	return out
}

package router

import "fmt"

// SyntaxError is a fault in the text of a pattern, template or target, worded
// for the operator who wrote it.
type SyntaxError struct {
	Offset int // in bytes from the start of the text
	Msg    string
}

// Error gives the message alone: where it stands is for the caller to say, who
// knows the file.
func (e *SyntaxError) Error() string { return e.Msg }

func syntaxf(offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

package middleware

import (
	"log/slog"
	"time"

	"httpmaster/internal/livefile"
)

// PasswordFile is an htpasswd file, read anew when it changes, and what is known
// of those who use its passwords. It may be shared by any number of Auth
// elements, and needs no closing.
type PasswordFile struct {
	name    string
	file    *livefile.File[passwords]
	now     func() time.Time
	checker *passwordChecker
}

var htpasswd = livefile.Format[passwords]{
	What:  "password file",
	Parse: parsePasswords,
	Size:  func(p *passwords) int { return len(p.users) },
}

// OpenPasswordFile reads the file. The error names it and, where the content is
// at fault, each faulty line, as "file:line: message" one a line.
func OpenPasswordFile(name string, log *slog.Logger) (*PasswordFile, error) {
	return openPasswordFile(name, log, time.Now)
}

func openPasswordFile(name string, log *slog.Logger, now func() time.Time) (*PasswordFile, error) {
	file, err := livefile.Open(name, htpasswd, log, now)
	if err != nil {
		return nil, err
	}
	return &PasswordFile{name: name, file: file, now: now, checker: newPasswordChecker(now)}, nil
}

// passwords gives what is in force now.
func (f *PasswordFile) passwords() *passwords { return f.file.Get() }

// Look looks at the file now, as a reload of the config asks for. The error is
// that of OpenPasswordFile; what the file held before stays in force.
func (f *PasswordFile) Look() error { return f.file.Look() }

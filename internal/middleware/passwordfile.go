package middleware

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxPasswordFile   = 16 << 20        // bytes
	passwordFileCheck = time.Second     // how often a changed file is looked for
	freshFile         = 2 * time.Second // how old a file must be for its time to tell that it did not change
)

// PasswordFile is an htpasswd file, read anew when it changes. It may be shared
// by any number of Auth elements, and needs no closing.
//
// A change is noticed by the first request that comes a second or more after
// the last look at the file. A file that has become unreadable or faulty, or is
// gone, is reported once in the log, and what it held before stays in force.
type PasswordFile struct {
	name    string
	log     *slog.Logger
	now     func() time.Time
	checker *passwordChecker

	current atomic.Pointer[passwords]
	next    atomic.Int64 // Unix nanoseconds of the next look at the file

	reading sync.Mutex // guards what follows
	stamp   fs.FileInfo
	read    time.Time // when the content was read
	content []byte
	fault   string // what the log was told last, "" while all is well
}

// OpenPasswordFile reads the file. The error names it and, where the content is
// at fault, each faulty line, as "file:line: message" one a line.
func OpenPasswordFile(name string, log *slog.Logger) (*PasswordFile, error) {
	return openPasswordFile(name, log, time.Now)
}

func openPasswordFile(name string, log *slog.Logger, now func() time.Time) (*PasswordFile, error) {
	f := &PasswordFile{name: name, log: log, now: now, checker: newPasswordChecker(now)}
	f.next.Store(now().Add(passwordFileCheck).UnixNano())
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// passwords gives what is in force now.
func (f *PasswordFile) passwords() *passwords {
	now := f.now()
	if now.UnixNano() >= f.next.Load() && f.reading.TryLock() {
		f.refresh()
		f.next.Store(now.Add(passwordFileCheck).UnixNano())
		f.reading.Unlock()
	}
	return f.current.Load()
}

// Look looks at the file now, as a reload of the config asks for. The error is
// that of OpenPasswordFile; what the file held before stays in force.
func (f *PasswordFile) Look() error {
	f.reading.Lock()
	defer f.reading.Unlock()
	_, err := f.load()
	return err
}

func (f *PasswordFile) refresh() {
	changed, err := f.load()
	switch {
	case err != nil:
		if err.Error() != f.fault {
			f.fault = err.Error()
			f.log.Error("the password file cannot be used; the passwords it held before stay in force", "error", err)
		}
	case changed || f.fault != "":
		f.fault = ""
		f.log.Info("the password file was read anew", "file", f.name, "users", len(f.current.Load().users))
	}
}

// load reads the file if it may have changed, and says whether it had.
func (f *PasswordFile) load() (changed bool, err error) {
	// Without O_NONBLOCK a named pipe would block until somebody writes to it.
	file, err := os.OpenFile(f.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, unreadable(f.name, err)
	}
	defer file.Close()
	stamp, err := file.Stat()
	if err != nil {
		return false, unreadable(f.name, err)
	}
	if !stamp.Mode().IsRegular() {
		return false, fmt.Errorf("%s: this is not a regular file", f.name)
	}
	if f.unchanged(stamp) {
		return false, nil
	}
	read := f.now()
	content, err := io.ReadAll(io.LimitReader(file, maxPasswordFile+1))
	if err != nil {
		return false, unreadable(f.name, err)
	}
	if len(content) > maxPasswordFile {
		return false, fmt.Errorf("%s: the file is larger than %d MiB", f.name, maxPasswordFile>>20)
	}
	if f.content == nil || !bytes.Equal(content, f.content) {
		users, err := parsePasswords(f.name, content)
		if err != nil {
			return false, err
		}
		changed = f.content != nil
		f.current.Store(users)
	}
	f.content, f.stamp, f.read = content, stamp, read
	return changed, nil
}

// unchanged says that the file is for certain the one that was read. One whose
// time was quite new then may have changed again without its time changing.
func (f *PasswordFile) unchanged(stamp fs.FileInfo) bool {
	return f.stamp != nil && os.SameFile(stamp, f.stamp) &&
		stamp.ModTime().Equal(f.stamp.ModTime()) && stamp.Size() == f.stamp.Size() &&
		f.read.Sub(stamp.ModTime()) > freshFile
}

// unreadable words an error of the system without the operation's name, which
// tells an operator nothing.
func unreadable(name string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot read the password file %s: %w", name, err)
}

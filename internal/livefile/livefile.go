// Package livefile holds what a small file says, and reads it anew when it
// changes: password files, token files.
//
//	f, err := livefile.Open(name, livefile.Format[users]{What: "password file", Parse: parse}, log, time.Now)
//	...
//	u := f.Get() // of the file as it is now, or as it was when it was good last
package livefile

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
	maxSize   = 16 << 20        // bytes
	lookEvery = time.Second     // how often a changed file is looked for
	freshFile = 2 * time.Second // how old a file must be for its time to tell that it did not change
)

// Format is what stands in a file.
type Format[T any] struct {
	What string // such as "password file", for messages
	// Parse reads the whole content. Its error names the file and the lines that
	// are at fault, and shows nothing that is secret.
	Parse func(name string, content []byte) (*T, error)
	// Size says how many entries a T has, for the log.
	Size func(*T) int
}

// File is a file, read anew when it changes. It may be used by any number of
// goroutines, and needs no closing.
//
// A change is noticed by the first Get that comes a second or more after the
// last look at the file. A file that has become unreadable or faulty, or is
// gone, is reported once in the log, and what it held before stays in force.
type File[T any] struct {
	name   string
	format Format[T]
	log    *slog.Logger
	now    func() time.Time

	current atomic.Pointer[T]
	next    atomic.Int64 // Unix nanoseconds of the next look at the file

	reading sync.Mutex // guards what follows
	stamp   fs.FileInfo
	read    time.Time // when the content was read
	content []byte
	fault   string // what the log was told last, "" while all is well
}

// Open reads the file. The error says that it cannot be read, or is that of
// format.Parse. now is time.Now, or the clock of a test.
func Open[T any](name string, format Format[T], log *slog.Logger, now func() time.Time) (*File[T], error) {
	f := &File[T]{name: name, format: format, log: log, now: now}
	f.next.Store(now().Add(lookEvery).UnixNano())
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Get gives what is in force now. It is never nil and must not be changed.
func (f *File[T]) Get() *T {
	now := f.now()
	if now.UnixNano() >= f.next.Load() && f.reading.TryLock() {
		f.refresh()
		f.next.Store(now.Add(lookEvery).UnixNano())
		f.reading.Unlock()
	}
	return f.current.Load()
}

// Look looks at the file now, as a reload of the config asks for. The error is
// that of Open; what the file held before stays in force.
func (f *File[T]) Look() error {
	f.reading.Lock()
	defer f.reading.Unlock()
	_, err := f.load()
	return err
}

func (f *File[T]) refresh() {
	changed, err := f.load()
	switch {
	case err != nil:
		if err.Error() != f.fault {
			f.fault = err.Error()
			f.log.Error("the "+f.format.What+" cannot be used; what it held before stays in force", "error", err)
		}
	case changed || f.fault != "":
		f.fault = ""
		f.log.Info("the "+f.format.What+" was read anew", "file", f.name, "entries", f.format.Size(f.current.Load()))
	}
}

// load reads the file if it may have changed, and says whether it had.
func (f *File[T]) load() (changed bool, err error) {
	// Without O_NONBLOCK a named pipe would block until somebody writes to it.
	file, err := os.OpenFile(f.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, f.unreadable(err)
	}
	defer file.Close()
	stamp, err := file.Stat()
	if err != nil {
		return false, f.unreadable(err)
	}
	if !stamp.Mode().IsRegular() {
		return false, fmt.Errorf("%s: this is not a regular file", f.name)
	}
	if f.unchanged(stamp) {
		return false, nil
	}
	read := f.now()
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return false, f.unreadable(err)
	}
	if len(content) > maxSize {
		return false, fmt.Errorf("%s: the file is larger than %d MiB", f.name, maxSize>>20)
	}
	if f.content == nil || !bytes.Equal(content, f.content) {
		parsed, err := f.format.Parse(f.name, content)
		if err != nil {
			return false, err
		}
		changed = f.content != nil
		f.current.Store(parsed)
	}
	f.content, f.stamp, f.read = content, stamp, read
	return changed, nil
}

// unchanged says that the file is for certain the one that was read. One whose
// time was quite new then may have changed again without its time changing.
func (f *File[T]) unchanged(stamp fs.FileInfo) bool {
	return f.stamp != nil && os.SameFile(stamp, f.stamp) &&
		stamp.ModTime().Equal(f.stamp.ModTime()) && stamp.Size() == f.stamp.Size() &&
		f.read.Sub(stamp.ModTime()) > freshFile
}

// unreadable words an error of the system without the operation's name, which
// tells an operator nothing.
func (f *File[T]) unreadable(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot read the %s %s: %w", f.format.What, f.name, err)
}

package middleware

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// LogFiles holds the log files that are open, so that all that name the same
// one share it. Set Log before use. It needs no closing of its own: the files
// are closed by those who opened them.
type LogFiles struct {
	Log *slog.Logger // told of log files that cannot be written

	mu   sync.Mutex
	open map[string]*LogFile
}

// Open gives the log file called name, or standard output or error for
// "stdout" and "stderr". Each Open needs a Close of what it gave; the last one
// closes the file. A file that is not there is made with mode 0640. The error
// names the file.
func (l *LogFiles) Open(name string) (*LogFile, error) {
	standard := map[string]*os.File{"stdout": os.Stdout, "stderr": os.Stderr}[name]
	if standard == nil {
		absolute, err := filepath.Abs(name)
		if err != nil {
			return nil, fmt.Errorf("cannot open the log file %s: %w", name, err)
		}
		name = absolute
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.open[name]; f != nil {
		f.users++
		return f, nil
	}
	f := newLogFile(name, l)
	if standard != nil {
		f.out = standard
	} else if err := f.openByName(); err != nil {
		return nil, err
	}
	if l.open == nil {
		l.open = make(map[string]*LogFile)
	}
	l.open[name] = f
	go f.run()
	return f, nil
}

// Check tells whether Open would work, without making the file. The error is
// what that of Open would be.
func (l *LogFiles) Check(name string) error {
	if name == "stdout" || name == "stderr" {
		return nil
	}
	absolute, err := filepath.Abs(name)
	if err == nil {
		err = checkAppend(absolute)
	}
	if err != nil {
		return fmt.Errorf("cannot open the log file %s: %w", absolute, err)
	}
	return nil
}

func checkAppend(name string) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return syscall.EISDIR
	case err == nil:
		return checkWritable(name, false)
	case !errors.Is(err, fs.ErrNotExist):
		return errors.Unwrap(err)
	}
	dir := filepath.Dir(name)
	if _, err := os.Stat(dir); err != nil {
		return errors.Unwrap(err)
	}
	return checkWritable(dir, true)
}

// Reopen has every file opened anew by its name before the next line is
// written, for those who want it done by a signal. After a rotation it is not
// needed: that is noticed without it.
func (l *LogFiles) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.open {
		f.mu.Lock()
		f.reopen = true
		f.mu.Unlock()
	}
}

// Hold keeps f open until a Close of its own, for one who holds f open already
// and may go before.
func (f *LogFile) Hold() {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	f.users++
}

// letGo ends what Hold began.
func (f *LogFile) letGo() {
	if err := f.Close(); err != nil {
		f.files.Log.Error("closing an access log", "file", f.name, "err", err)
	}
}

// release takes one user away from f, and f from the list when it was the last.
func (l *LogFiles) release(f *LogFile) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.users--
	if f.users > 0 {
		return false
	}
	delete(l.open, f.name)
	return true
}

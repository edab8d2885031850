package middleware

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	logDelay    = 100 * time.Millisecond // how long a line waits for others to be written with
	logBatch    = 64 << 10               // bytes that are written without waiting longer
	logPending  = 4 << 20                // bytes that may wait
	logPatience = 250 * time.Millisecond // how long a request waits for room for its line
	logRetry    = time.Second            // after a failed write
)

// LogFile is a file that lines are added to. Its own goroutine writes them, so
// that a request hands its line over and goes on; lines of many requests make
// one write.
//
// Before each write it looks whether the file still has its name, and opens the
// name anew if it has not: a rotation needs no signal, and each line is in
// exactly one of the two files. While the file cannot be written (a full disk)
// lines are kept, up to 4 MiB of them; those that come after that are lost, and
// the log says how many.
type LogFile struct {
	name  string // absolute
	files *LogFiles
	users int // guarded by files.mu

	mu      sync.Mutex
	pending []byte
	room    chan struct{} // closed when pending is taken
	lost    int           // lines
	reopen  bool

	wake chan struct{} // pending has got its first line
	full chan struct{} // pending has got a batch's worth
	stop chan struct{} // closed by Close
	done chan struct{} // closed at the end of run

	// What follows belongs to run.
	out     *os.File
	opened  fs.FileInfo // of out; nil for standard output and error
	batch   []byte      // what is being written; shrinks as it is
	spare   []byte      // storage for the next batch
	trouble string      // what the log was told last, "" while all is well
}

func newLogFile(name string, files *LogFiles) *LogFile {
	return &LogFile{
		name:  name,
		files: files,
		users: 1,
		room:  make(chan struct{}),
		wake:  make(chan struct{}, 1),
		full:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
}

// WriteLine adds a line, which has its "\n". It waits for nothing, unless 4 MiB
// of lines are waiting already: then a quarter of a second at most, after which
// the line is lost.
func (f *LogFile) WriteLine(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending)+len(line) > logPending && !f.waitForRoom(len(line)) {
		f.lost++
		return
	}
	before := len(f.pending)
	f.pending = append(f.pending, line...)
	if before == 0 {
		notify(f.wake)
	}
	if before < logBatch && len(f.pending) >= logBatch {
		notify(f.full)
	}
}

// waitForRoom gives up the lock for a while.
func (f *LogFile) waitForRoom(n int) bool {
	timeout := time.NewTimer(logPatience)
	defer timeout.Stop()
	for len(f.pending)+n > logPending {
		room := f.room
		f.mu.Unlock()
		late := false
		select {
		case <-room:
		case <-timeout.C:
			late = true
		}
		f.mu.Lock()
		if late {
			return false
		}
	}
	return true
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close ends one use of the file. The last one waits until every line is
// written, and closes it. No line may be added after it.
func (f *LogFile) Close() error {
	if !f.files.release(f) {
		return nil
	}
	close(f.stop)
	<-f.done
	if f.opened == nil {
		return nil
	}
	return f.out.Close()
}

// run writes until Close.
func (f *LogFile) run() {
	defer close(f.done)
	for {
		if !f.wait(f.wake, nil) {
			break
		}
		f.wait(f.full, time.After(logDelay))
		for !f.flush() {
			if !f.wait(nil, time.After(logRetry)) {
				break
			}
		}
	}
	f.flush()
	if left := len(f.batch) + len(f.pending); left > 0 {
		f.files.Log.Error("the last lines of the access log could not be written", "file", f.name, "bytes", left)
	}
}

// wait is for any of the two, or Close, for which it gives false.
func (f *LogFile) wait(signal <-chan struct{}, timeout <-chan time.Time) bool {
	select {
	case <-signal:
	case <-timeout:
	case <-f.stop:
		return false
	}
	return true
}

// flush writes all that waits, and says whether that worked. What did not is
// kept, and goes first the next time. Under load it may go on for long, so the
// file's name is followed before each batch.
func (f *LogFile) flush() bool {
	var err error
	for {
		err = f.followName()
		if !f.take() {
			break
		}
		n, writeErr := f.out.Write(f.batch)
		f.batch = f.batch[n:]
		if writeErr != nil {
			err = writeErr
			break
		}
	}
	f.report(err)
	return len(f.batch) == 0
}

// take makes what is pending the batch, unless one is left over from before.
// It is false when there is nothing to write.
func (f *LogFile) take() bool {
	if len(f.batch) > 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) == 0 {
		return false
	}
	f.batch, f.pending, f.spare = f.pending, f.spare[:0], f.pending
	close(f.room)
	f.room = make(chan struct{})
	return true
}

// followName opens the file anew when it was moved away or removed. If that
// fails the lines go on into the file that was.
func (f *LogFile) followName() error {
	if f.opened == nil {
		return nil
	}
	f.mu.Lock()
	reopen := f.reopen
	f.reopen = false
	f.mu.Unlock()
	now, err := os.Stat(f.name)
	if err == nil && !reopen && os.SameFile(now, f.opened) {
		return nil
	}
	old := f.out
	if err := f.openByName(); err != nil {
		return err
	}
	return old.Close()
}

func (f *LogFile) openByName() error {
	out, err := os.OpenFile(f.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	var info fs.FileInfo
	if err == nil {
		info, err = out.Stat()
	}
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return fmt.Errorf("cannot open the log file %s: %w", f.name, err)
	}
	f.out, f.opened = out, info
	return nil
}

// report tells the log once of each new trouble, of its end, and of lines that
// were lost.
func (f *LogFile) report(err error) {
	f.mu.Lock()
	lost := f.lost
	f.lost = 0
	f.mu.Unlock()
	log := f.files.Log
	if lost > 0 {
		log.Error("lines of the access log were lost, as its file could not be written fast enough", "file", f.name, "lines", lost)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == f.trouble:
	case text == "":
		log.Info("the access log is written again", "file", f.name)
	default:
		log.Error("trouble with the access log", "file", f.name, "error", err)
	}
	f.trouble = text
}

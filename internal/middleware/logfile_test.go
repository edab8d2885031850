package middleware

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openLog(t *testing.T, name string) (*LogFiles, *LogFile, *logBuffer) {
	t.Helper()
	log, logged := newLog()
	files := &LogFiles{Log: log}
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return files, f, logged
}

func closeLog(t *testing.T, f *LogFile) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s has %q, want %q", filepath.Base(name), got, want)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestLogFileKeepsOrderAndLinesAtClose(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, f, logged := openLog(t, name)
	want := "before\n"
	for i := range 10000 {
		line := fmt.Sprintf("line %d\n", i)
		f.WriteLine([]byte(line))
		want += line
	}
	closeLog(t, f)
	wantFile(t, name, want)
	if logged.String() != "" {
		t.Error(logged)
	}
}

func TestLogFileIsShared(t *testing.T) {
	dir := t.TempDir()
	files, a, _ := openLog(t, dir+"/log")
	b, err := files.Open(dir + "/x/../log")
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Fatal("two names of one file give two files")
	}
	other, err := files.Open(dir + "/other")
	if err != nil {
		t.Fatal(err)
	}
	if other == a {
		t.Fatal("two files are one")
	}
	a.WriteLine([]byte("one\n"))
	closeLog(t, a)
	b.WriteLine([]byte("two\n"))
	closeLog(t, b)
	closeLog(t, other)
	wantFile(t, dir+"/log", "one\ntwo\n")
	again, err := files.Open(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	again.WriteLine([]byte("three\n"))
	closeLog(t, again)
	wantFile(t, dir+"/log", "one\ntwo\nthree\n")
	if len(files.open) > 0 {
		t.Errorf("%d files are still listed", len(files.open))
	}
}

func TestLogFileFollowsItsName(t *testing.T) {
	dir := t.TempDir()
	name := dir + "/log"
	files, f, logged := openLog(t, name)
	f.WriteLine([]byte("one\n"))
	closeLog(t, f) // closing is how a test waits for the write
	reopen := func() {
		t.Helper()
		var err error
		if f, err = files.Open(name); err != nil {
			t.Fatal(err)
		}
	}

	reopen()
	move(t, name, dir+"/log.1")
	f.WriteLine([]byte("two\n"))
	closeLog(t, f)
	wantFile(t, dir+"/log.1", "one\n")
	wantFile(t, name, "two\n")

	reopen()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	f.WriteLine([]byte("three\n"))
	closeLog(t, f)
	wantFile(t, name, "three\n")

	reopen()
	move(t, name, dir+"/log.2") // and, as logrotate's "create" does:
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.WriteLine([]byte("four\n"))
	closeLog(t, f)
	wantFile(t, dir+"/log.2", "three\n")
	wantFile(t, name, "four\n")

	if logged.String() != "" {
		t.Errorf("logged without need: %s", logged)
	}
}

func TestLogFileReopen(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir+"/first", dir+"/log"); err != nil {
		t.Fatal(err)
	}
	files, f, _ := openLog(t, dir+"/log")
	files.Reopen()
	opened := f.opened
	f.WriteLine([]byte("line\n"))
	closeLog(t, f)
	if f.opened == opened {
		t.Error("the file was not opened anew")
	}
	wantFile(t, dir+"/first", "line\n")
}

func TestLogFileKeepsOldFileWhenTheNameCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	name := dir + "/sub/log"
	if err := os.Mkdir(dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	_, f, logged := openLog(t, name)
	move(t, dir+"/sub", dir+"/away")
	f.WriteLine([]byte("line\n"))
	closeLog(t, f)
	wantFile(t, dir+"/away/log", "line\n")
	want := `level=ERROR msg="trouble with the access log" file=` + name + ` error="cannot open the log file ` + name + `: no such file or directory"` + "\n"
	if got := logged.String(); got != want {
		t.Errorf("logged %qwant %q", got, want)
	}
}

func TestLogFileErrors(t *testing.T) {
	dir := t.TempDir()
	log, _ := newLog()
	files := &LogFiles{Log: log}
	want := "cannot open the log file " + dir + "/none/log: no such file or directory"
	if _, err := files.Open(dir + "/none/log"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if len(files.open) > 0 {
		t.Error("a file that could not be opened is listed")
	}
}

func TestLogFileFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	_, f, logged := openLog(t, "/dev/full")
	f.WriteLine([]byte("line\n"))
	closeLog(t, f)
	const want = `level=ERROR msg="trouble with the access log" file=/dev/full error="write /dev/full: no space left on device"
level=ERROR msg="the last lines of the access log could not be written" file=/dev/full bytes=5
`
	if logged.String() != want {
		t.Errorf("got\n%swant\n%s", logged, want)
	}
}

// TestLogFileThatTakesNothing has a pipe for a file, which nobody reads at
// first.
func TestLogFileThatTakesNothing(t *testing.T) {
	log, logged := newLog()
	files := &LogFiles{Log: log}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f := newLogFile("pipe", files)
	f.out = w
	go f.run()
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	written := 0
	for {
		f.WriteLine(line)
		written++
		f.mu.Lock()
		lost := f.lost
		f.mu.Unlock()
		if lost > 0 {
			break
		}
		if written > 20 {
			t.Fatal("20 MiB were taken while nobody read")
		}
	}
	got := make(chan int)
	go func() {
		n, buf := 0, make([]byte, 64<<10)
		for {
			k, err := r.Read(buf)
			n += strings.Count(string(buf[:k]), "\n")
			if err != nil {
				got <- n
				return
			}
		}
	}()
	closeLog(t, f)
	w.Close()
	if n := <-got; n != written-1 {
		t.Errorf("%d lines arrived of the %d that were not lost", n, written-1)
	}
	const want = `level=ERROR msg="lines of the access log were lost, as its file could not be written fast enough" file=pipe lines=1` + "\n"
	if logged.String() != want {
		t.Errorf("logged %q, want %q", logged, want)
	}
	r.Close()
}

package middleware

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckIsOpenWithoutTraces compares Check with Open, for names that work
// and names that do not.
func TestCheckIsOpenWithoutTraces(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, file, want string }{
		{"a file that is there", filepath.Join(dir, "there"), ""},
		{"a file to be made", filepath.Join(dir, "new"), ""},
		{"a folder", dir, "cannot open the log file DIR: is a directory"},
		{"no such folder", filepath.Join(dir, "none", "new"), "cannot open the log file DIR/none/new: no such file or directory"},
		{"below a file", filepath.Join(dir, "there", "new"), "cannot open the log file DIR/there/new: not a directory"},
		{"standard output", "stdout", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log, _ := newLog()
			files := &LogFiles{Log: log}
			got := strings.ReplaceAll(errorText(files.Check(test.file)), dir, "DIR")
			if got != test.want {
				t.Errorf("Check says %q, want %q", got, test.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
				t.Error("Check made the file")
			}
			f, err := files.Open(test.file)
			if (err == nil) != (test.want == "") {
				t.Errorf("Open says %v", err)
			}
			if err == nil {
				closeLog(t, f)
			}
			os.Remove(filepath.Join(dir, "new"))
		})
	}
}

// errorText is the text of an error, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

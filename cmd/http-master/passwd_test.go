package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// input gives a file that holds text, to be read as standard input.
func input(t *testing.T, text string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPasswd(t *testing.T) {
	tests := []struct {
		name     string
		before   string // "-" for no file
		user     string
		password string
		code     int
		output   string // FILE stands for the file's name
		kept     []string
	}{
		{"a new file", "-", "alice", "secret\n", 0, "added alice to FILE\n", nil},
		{"a second user", "bob:x\n", "alice", "secret\n", 0, "added alice to FILE\n", []string{"bob:x"}},
		{"a changed password, its line in its place", "# ours\nalice:old\nbob:x", "alice", "secret", 0,
			"changed the password of alice in FILE\n", []string{"# ours", "bob:x"}},
		{"a user listed twice is so once", "alice:a\nalice:b\n", "alice", "secret", 0, "changed the password of alice in FILE\n", nil},
		{"a name that begins like another", "al:x\n", "alice", "secret", 0, "added alice to FILE\n", []string{"al:x"}},
		{"no password", "bob:x\n", "alice", "\n", 1, "http-master: passwd: the password is empty, nothing was changed\n", []string{"bob:x"}},
		{"a password bcrypt would cut", "bob:x\n", "alice", strings.Repeat("x", 73), 1,
			"http-master: passwd: the password has more than 72 bytes, which is what bcrypt can tell apart; nothing was changed\n", []string{"bob:x"}},
		{"a name with a colon", "-", "a:b", "secret", 2,
			"http-master: passwd: a user's name has no colon and no control character, and does not begin with # (--help shows how it is used)\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "passwd")
			if tt.before != "-" {
				if err := os.WriteFile(file, []byte(tt.before), 0o604); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			code := passwd([]string{file, tt.user}, input(t, tt.password), &out, &out)
			if got := strings.ReplaceAll(out.String(), file, "FILE"); code != tt.code || got != tt.output {
				t.Errorf("exit code %d, %q\nwant %d, %q", code, got, tt.code, tt.output)
			}
			content, err := os.ReadFile(file)
			if tt.code == 0 && err != nil {
				t.Fatal(err)
			}
			var others []string
			for line := range strings.Lines(string(content)) {
				hash, ours := strings.CutPrefix(strings.TrimSuffix(line, "\n"), tt.user+":")
				if !ours {
					others = append(others, strings.TrimSuffix(line, "\n"))
				} else if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(strings.TrimSpace(tt.password))); err != nil {
					t.Errorf("the hash of %q: %v", line, err)
				}
			}
			if strings.Join(others, "|") != strings.Join(tt.kept, "|") {
				t.Errorf("the other lines are %q, want %q", others, tt.kept)
			}
			if tt.before != "-" {
				if info, _ := os.Stat(file); info.Mode().Perm() != 0o604 {
					t.Errorf("the mode is now %v", info.Mode())
				}
			}
		})
	}
}

func TestPasswdWritesThroughALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Skip("links cannot be made here:", err)
	}
	var out bytes.Buffer
	if code := passwd([]string{link, "alice"}, input(t, "secret"), &out, &out); code != 0 {
		t.Fatal(out.String())
	}
	if content, _ := os.ReadFile(real); !bytes.HasPrefix(content, []byte("alice:$2")) {
		t.Errorf("the file behind the link holds %q", content)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
}

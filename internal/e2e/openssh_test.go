//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOpenSSH drives the real ssh, scp, sftp, rsync and git against the real
// sshd, through both forms of dewebsockify and both kinds of rule.
func TestOpenSSH(t *testing.T) {
	t.Parallel()
	d := startSSHD(t)
	s := startSite(t, setup{ssh: d.port, relay: allowing(fmt.Sprintf("localhost:%d", d.port), fmt.Sprintf("127.0.0.1:%d", d.port))})
	relay := "wss://myserver.com/ssh/%h/%p"
	source := newPayloadTree(t)

	for _, test := range []struct {
		name   string
		back   bool // also copy back what was copied there; once in each form is enough
		config func(t *testing.T) string
	}{
		{"port, static rule", true, func(t *testing.T) string { return portConfig(t, d, s, staticURL) }},
		{"port, relay rule", false, func(t *testing.T) string {
			return portConfig(t, d, s, fmt.Sprintf("wss://myserver.com/ssh/127.0.0.1/%d", d.port))
		}},
		{"ProxyCommand, static rule", false, func(t *testing.T) string { return proxyCommandConfig(t, d, s, staticURL) }},
		{"ProxyCommand, relay rule", true, func(t *testing.T) string { return proxyCommandConfig(t, d, s, relay) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &remote{config: test.config(t), env: s.names.env(), ssh: need(t, "openssh-client", "ssh")}
			t.Run("ssh", r.testSSH)
			t.Run("scp", func(t *testing.T) { r.testSCP(t, source, test.back) })
			t.Run("sftp", func(t *testing.T) { r.testSFTP(t, source) })
			t.Run("rsync", func(t *testing.T) { r.testRsync(t, source) })
			t.Run("git", r.testGit)
		})
	}
}

// portConfig lets ssh connect to the local port of a dewebsockify.
func portConfig(t *testing.T, d *sshd, s *site, url string) string {
	t.Helper()
	_, address := startClient(t, s.names.env(), "--ca", s.trustedRoot, url)
	host, port, _ := strings.Cut(address, ":")
	return d.clientConfig(t, "HostName "+host, "Port "+port)
}

// proxyCommandConfig lets ssh run dewebsockify for each connection. The host's
// name is one that only the server's side has to understand.
func proxyCommandConfig(t *testing.T, d *sshd, s *site, url string) string {
	t.Helper()
	return d.clientConfig(t, "HostName localhost", "Port "+strconv.Itoa(d.port),
		"ProxyCommand "+clientProgram+" --ca "+s.trustedRoot+" "+url+" -")
}

// payloadTree is a folder with files of random bytes, one of 100 MiB.
type payloadTree struct {
	dir, big string
	sum      string // of big, SHA-256
}

func newPayloadTree(t *testing.T) *payloadTree {
	t.Helper()
	dir := t.TempDir()
	p := &payloadTree{dir: dir, big: filepath.Join(dir, "big")}
	random := payload()
	for _, f := range []struct {
		name string
		size int64
	}{{"big", 100 << 20}, {"small/empty", 0}, {"small/one", 1}, {"small/deep/down/there", 1 << 20}} {
		writeFile(t, filepath.Join(dir, f.name), "")
		file, err := os.Create(filepath.Join(dir, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(file, random, f.size); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p.sum = sumOfFile(t, p.big)
	return p
}

func sumOfFile(t *testing.T, name string) string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sum, err := sumOf(file)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// remote is the host "server" of an ssh config.
type remote struct {
	config string
	env    []string
	ssh    string // the program
}

// command runs a shell command there.
func (r *remote) command(t *testing.T, command string) string {
	t.Helper()
	return mustRun(t, r.env, r.ssh, "-F", r.config, "server", command)
}

func (r *remote) testSSH(t *testing.T) {
	if got := r.command(t, "echo over; echo the wire"); got != "over\nthe wire\n" {
		t.Errorf("ssh printed %q", got)
	}
	if got := run(t, r.env, nil, r.ssh, "-F", r.config, "server", "exit 7"); got.code != 7 {
		t.Errorf("exit code %d, want the command's own 7; stderr %q", got.code, got.stderr)
	}
	sent := run(t, r.env, strings.NewReader("through stdin"), r.ssh, "-F", r.config, "server", "cat")
	if sent.stdout != "through stdin" || sent.code != 0 {
		t.Errorf("cat: got %q back, exit code %d", sent.stdout, sent.code)
	}
}

func (r *remote) testSCP(t *testing.T, source *payloadTree, backToo bool) {
	scp := need(t, "openssh-client", "scp")
	there, back := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "back")
	mustRun(t, r.env, scp, "-q", "-F", r.config, source.big, "server:"+there)
	if got, _, _ := strings.Cut(r.command(t, "sha256sum "+there), " "); got != source.sum {
		t.Errorf("the copied file has the checksum %q there, %q here", got, source.sum)
	}
	if !backToo {
		return
	}
	mustRun(t, r.env, scp, "-q", "-F", r.config, "server:"+there, back)
	if got := sumOfFile(t, back); got != source.sum {
		t.Errorf("the file that came back has the checksum %q, want %q", got, source.sum)
	}
}

func (r *remote) testSFTP(t *testing.T, source *payloadTree) {
	sftp := need(t, "openssh-client", "sftp")
	there, back := t.TempDir(), t.TempDir()
	batch := fmt.Sprintf("cd %s\nput -r %s/small\nrename small renamed\nget -r renamed %s\nls -1 renamed\n", there, source.dir, back)
	got := run(t, r.env, strings.NewReader(batch), sftp, "-q", "-F", r.config, "-b", "-", "server")
	if got.code != 0 || !strings.Contains(got.stdout, "renamed/deep") {
		t.Fatalf("sftp: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	sameTree(t, filepath.Join(source.dir, "small"), filepath.Join(back, "renamed"))
}

func (r *remote) testRsync(t *testing.T, source *payloadTree) {
	rsync := need(t, "rsync", "rsync")
	there, back := t.TempDir(), t.TempDir()
	shell := r.ssh + " -F " + r.config
	mustRun(t, r.env, rsync, "-a", "-e", shell, source.dir+"/small", "server:"+there)
	mustRun(t, r.env, rsync, "-a", "-e", shell, "server:"+there+"/", back)
	sameTree(t, filepath.Join(source.dir, "small"), filepath.Join(back, "small"))
}

func (r *remote) testGit(t *testing.T) {
	git := need(t, "git", "git")
	repository, clone := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	env := append([]string{
		"GIT_SSH_COMMAND=" + r.ssh + " -F " + r.config, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=E", "GIT_AUTHOR_EMAIL=e@example", "GIT_COMMITTER_NAME=E", "GIT_COMMITTER_EMAIL=e@example",
	}, r.env...)
	writeFile(t, filepath.Join(repository, "file"), "first\n")
	mustRun(t, env, git, "-C", repository, "init", "-q", "-b", "main")
	mustRun(t, env, git, "-C", repository, "add", "file")
	mustRun(t, env, git, "-C", repository, "commit", "-q", "-m", "First")

	mustRun(t, env, git, "clone", "-q", "ssh://server"+repository, clone)
	sameTree(t, filepath.Join(repository, "file"), filepath.Join(clone, "file"))
	writeFile(t, filepath.Join(clone, "file"), "second\n")
	mustRun(t, env, git, "-C", clone, "commit", "-q", "-a", "-m", "Second")
	mustRun(t, env, git, "-C", clone, "push", "-q", "origin", "HEAD:refs/heads/pushed")
	here := mustRun(t, env, git, "-C", clone, "rev-parse", "HEAD")
	there := mustRun(t, env, git, "-C", repository, "rev-parse", "pushed")
	if here != there {
		t.Errorf("pushed %q, the other side has %q", here, there)
	}
}

// sameTree checks that two folders, or files, have the same files in them.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(want, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		relative, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		a, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(got, relative))
		if err == nil && !bytes.Equal(a, b) {
			err = fmt.Errorf("%s differs", relative)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("compare %s with %s (%d files): %v", got, want, files, err)
	}
}

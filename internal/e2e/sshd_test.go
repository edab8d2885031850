//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// sshd is a real OpenSSH server on a loopback port, with keys of its own.
type sshd struct {
	port   int
	user   string
	dir    string // holds its keys
	client string // common part of the clients' configs
}

func startSSHD(t *testing.T) *sshd {
	t.Helper()
	program := need(t, "openssh-server", "sshd")
	keygen := need(t, "openssh-client", "ssh-keygen")
	if os.Getuid() == 0 {
		// Root's sshd wants its empty folder for the part without privileges.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	d := &sshd{port: freePort(t), user: me.Username, dir: t.TempDir()}
	for _, key := range []string{"host", "login"} {
		mustRun(t, nil, keygen, "-q", "-t", "ed25519", "-N", "", "-C", "e2e", "-f", filepath.Join(d.dir, key))
	}
	writeFile(t, filepath.Join(d.dir, "known_hosts"), "e2e "+readFile(t, filepath.Join(d.dir, "host.pub")))
	config := filepath.Join(d.dir, "sshd_config")
	writeFile(t, config, fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s/host
AuthorizedKeysFile %[2]s/login.pub
PidFile %[2]s/pid
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
MaxStartups 100:30:200
`, d.port, d.dir))
	d.client = fmt.Sprintf(`User %s
IdentityFile %s/login
IdentitiesOnly yes
BatchMode yes
HostKeyAlias e2e
UserKnownHostsFile %[2]s/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
LogLevel ERROR
ConnectTimeout 30
`, d.user, d.dir)
	p := start(t, nil, program, "-D", "-e", "-f", config)
	p.waitFor(t, 0, "Server listening on 127.0.0.1")
	return d
}

// clientConfig writes a config for ssh in which the host "server" is reached
// as lines say.
func (d *sshd) clientConfig(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ssh_config")
	writeFile(t, file, "Host server\n"+strings.Join(lines, "\n")+"\n"+d.client)
	return file
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

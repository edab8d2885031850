//go:build unix

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshStandIn is an SSH server in the test itself, for machines without sshd.
// Its commands are "hello", "source N", which gives N bytes of payload, and
// "sum", which gives the SHA-256 of what it reads.
type sshStandIn struct {
	port    int
	hostKey ssh.PublicKey
	login   ssh.Signer // the key that may log in
	config  *ssh.ServerConfig
}

// startSSHStandIn listens on a free port of host.
func startSSHStandIn(t *testing.T, host string) *sshStandIn {
	t.Helper()
	hostKey, login := newSigner(t), newSigner(t)
	s := &sshStandIn{hostKey: hostKey.PublicKey(), login: login, config: &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(login.PublicKey().Marshal()) {
				return nil, fmt.Errorf("unknown key")
			}
			return nil, nil
		},
	}}
	s.config.AddHostKey(hostKey)
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.port = ln.Addr().(*net.TCPAddr).Port
	acceptLoop(t, ln, s.serve)
	return s
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(newKey())
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *sshStandIn) serve(raw net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close()
	wg.Go(func() { ssh.DiscardRequests(requests) })
	for offer := range channels {
		if offer.ChannelType() != "session" {
			offer.Reject(ssh.UnknownChannelType, "only sessions here")
			continue
		}
		channel, requests, err := offer.Accept()
		if err != nil {
			return
		}
		wg.Go(func() { session(channel, requests) })
	}
}

// session runs the one command of a session.
func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		var exec struct{ Command string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &exec) != nil {
			request.Reply(false, nil)
			continue
		}
		request.Reply(true, nil)
		var status struct{ Code uint32 }
		if err := runCommand(channel, exec.Command); err != nil {
			status.Code = 1
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}

func runCommand(channel ssh.Channel, command string) error {
	var size int64
	if n, _ := fmt.Sscanf(command, "source %d", &size); n == 1 {
		_, err := io.CopyN(channel, payload(), size)
		return err
	}
	switch command {
	case "hello":
		_, err := io.WriteString(channel, "hello\n")
		return err
	case "sum":
		sum, err := sumOf(channel)
		if err != nil {
			return err
		}
		_, err = io.WriteString(channel, sum)
		return err
	}
	return fmt.Errorf("unknown command %q", command)
}

// payload is an endless stream of bytes, always the same, that nothing on the
// way can compress or guess.
func payload() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// sumOf gives the SHA-256 of everything in r, in hex.
func sumOf(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// sshOver logs in over conn.
func sshOver(t *testing.T, conn net.Conn, s *sshStandIn) *ssh.Client {
	t.Helper()
	c, channels, requests, err := ssh.NewClientConn(conn, "stand-in", &ssh.ClientConfig{
		User:            "someone",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(s.login)},
		HostKeyCallback: ssh.FixedHostKey(s.hostKey),
	})
	if err != nil {
		t.Fatalf("SSH handshake through the tunnel: %v", err)
	}
	client := ssh.NewClient(c, channels, requests)
	t.Cleanup(func() { client.Close() })
	return client
}

// sshRun runs a command and gives its output.
func sshRun(t *testing.T, client *ssh.Client, command string, stdin io.Reader) []byte {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	session.Stdin = stdin
	out, err := session.Output(command)
	if err != nil {
		t.Fatalf("%s over SSH: %v", command, err)
	}
	return out
}

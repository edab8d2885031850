package front

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// spoken is a connection whose client has said everything already, in pieces as
// long as cuts says.
type spoken struct {
	net.Conn // nil: nothing else is called
	said     []byte
	cuts     []byte
}

func (s *spoken) Read(p []byte) (int, error) {
	if len(s.said) == 0 {
		return 0, io.EOF
	}
	most := len(p)
	if len(s.cuts) > 0 {
		most, s.cuts = min(most, int(s.cuts[0])+1), s.cuts[1:]
	}
	n := copy(p[:most], s.said)
	s.said = s.said[n:]
	return n, nil
}

func (*spoken) SetReadDeadline(time.Time) error { return nil }

// FuzzSniff holds that SSH is what begins as SSH does, in whatever pieces it
// comes, and that no byte is lost by looking.
func FuzzSniff(f *testing.F) {
	for _, said := range []string{"SSH-2.0-OpenSSH_10\r\n", "SSH-2.", "SSH-1.99-x", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "S", ""} {
		f.Add([]byte(said), []byte{})
		f.Add([]byte(said), []byte{0, 2, 0, 0})
	}
	f.Fuzz(func(t *testing.T, said, cuts []byte) {
		c := &conn{Conn: &spoken{said: said, cuts: cuts}}
		ssh, err := c.looksLikeSSH(time.Minute)
		if cutOff := strings.HasPrefix(sshVersion, string(said)) && len(said) < len(sshVersion); cutOff != (err != nil) {
			t.Fatalf("%q: %v", said, err)
		}
		if err != nil {
			return
		}
		if ssh != bytes.HasPrefix(said, []byte(sshVersion)) {
			t.Errorf("%q is taken for SSH: %v", said, ssh)
		}
		if all, err := io.ReadAll(struct{ io.Reader }{c}); err != nil || !bytes.Equal(all, said) {
			t.Errorf("%q is read as %q, %v", said, all, err)
		}
	})
}

package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a certificate of the tests' own authorities, with its key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// template says what issue makes; the zero value is a server certificate that
// is valid now and for 60 days.
type template struct {
	names  []string
	ips    []string
	cn     string
	ca     bool
	days   int       // from now to the end; 0 means 60
	from   int       // days from now to the beginning; 0 means an hour ago
	end    time.Time // instead of days
	key    crypto.Signer
	usage  []x509.ExtKeyUsage
	keyID  []byte
	plainV bool // no basic constraints
	extra  []pkix.Extension
	ocsp   string // URL of the responder
}

// issue makes a certificate signed by p; with a nil p by itself.
func (p *pair) issue(t testing.TB, tmpl template) *pair {
	t.Helper()
	if tmpl.key == nil {
		tmpl.key = newKey(t)
	}
	now := time.Now()
	days := 60
	if tmpl.days != 0 {
		days = tmpl.days
	}
	c := &x509.Certificate{
		Subject:               pkix.Name{CommonName: tmpl.cn},
		DNSNames:              tmpl.names,
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(0, 0, days),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           tmpl.usage,
		BasicConstraintsValid: !tmpl.plainV,
		IsCA:                  tmpl.ca,
		SubjectKeyId:          tmpl.keyID,
		ExtraExtensions:       tmpl.extra,
	}
	if tmpl.ocsp != "" {
		c.OCSPServer = []string{tmpl.ocsp}
	}
	if !tmpl.end.IsZero() {
		c.NotAfter = tmpl.end
	}
	if tmpl.from != 0 {
		c.NotBefore = now.AddDate(0, 0, tmpl.from)
	}
	if c.NotAfter.Before(c.NotBefore) {
		c.NotBefore = c.NotAfter.AddDate(0, 0, -1)
	}
	for _, ip := range tmpl.ips {
		c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
	}
	if tmpl.ca {
		c.KeyUsage = x509.KeyUsageCertSign
	}
	parent, signer := c, tmpl.key
	if p != nil {
		parent, signer = p.cert, p.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, tmpl.key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{cert, tmpl.key}
}

// authority is a root and an intermediate; leaves are the intermediate's.
type authority struct{ root, sub *pair }

func newAuthority(t testing.TB, name string) *authority {
	var none *pair
	root := none.issue(t, template{cn: name + " root", ca: true, days: 4000})
	return &authority{root, root.issue(t, template{cn: name + " sub", ca: true, days: 2000})}
}

func (a *authority) leaf(t testing.TB, names ...string) *pair {
	return a.sub.issue(t, template{names: names})
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rsaKey is one for all tests, as making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func certPEM(pairs ...*pair) string {
	var b bytes.Buffer
	for _, p := range pairs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw})
	}
	return b.String()
}

func keyPEM(p *pair) string {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// write writes files in place, as cp does: path, content, path, content.
func write(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t testing.TB, path ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

// link makes path, below dir, a link to target, which may replace one.
func link(t testing.TB, dir, target, path string) {
	t.Helper()
	path = filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path+".new"); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// lines is a log whose lines can be looked at.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take gives what was logged since the last time.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.b.String())
	l.b.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// text gives all that was logged since.
func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// clock is a time that tests can move.
type clock struct {
	mu   sync.Mutex
	plus time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.plus)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plus += d
}

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := NewStore(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settle has the store look until it believes what it sees.
func settle(s *Store) {
	s.Rescan()
	s.Rescan()
}

// shake makes a real handshake and gives the chain that the client received.
// The client verifies nothing unless config says so.
func shake(t testing.TB, s *Store, config *tls.Config) ([]*x509.Certificate, error) {
	t.Helper()
	state, err := shakeHands(t, s, config)
	return state.PeerCertificates, err
}

// shakeHands is shake for those who want to know more.
func shakeHands(t testing.TB, s *Store, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() { done <- serveOne(ln, s) }()
	if config.RootCAs == nil {
		config.InsecureSkipVerify = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", ln.Addr().String())
	if err != nil {
		return tls.ConnectionState{}, <-done
	}
	state := conn.(*tls.Conn).ConnectionState()
	conn.Close()
	<-done
	return state, nil
}

func serveOne(ln net.Listener, s *Store) error {
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	return tls.Server(conn, &tls.Config{GetCertificate: s.GetCertificate}).Handshake()
}

// served gives the leaf that a client gets that asks for name.
func served(t testing.TB, s *Store, name string) *x509.Certificate {
	t.Helper()
	chain, err := shake(t, s, &tls.Config{ServerName: name})
	if err != nil {
		t.Fatalf("handshake for %q: %v", name, err)
	}
	return chain[0]
}

// wantServed checks that a client that asks for name gets p's certificate.
func wantServed(t testing.TB, s *Store, name string, p *pair) {
	t.Helper()
	if got := served(t, s, name); !got.Equal(p.cert) {
		t.Errorf("for %q: got the certificate %v of %v, want %v of %v", name, got.DNSNames, got.SerialNumber, p.cert.DNSNames, p.cert.SerialNumber)
	}
}

func wantLines(t testing.TB, l *lines, want ...string) {
	t.Helper()
	got := l.take()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// run has the store follow its files until the test ends, or stop is called.
func run(t *testing.T, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits until ok, for what the goroutine of a store does by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // the pace of polling
	}
}

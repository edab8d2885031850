package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	rootYears  = 10
	rootFile   = "root.crt"     // the certificate alone, to be trusted by others
	rootBundle = "root-key.pem" // certificate and key in one file, so that they cannot come apart
)

// Authority is a certificate authority of this machine's own, for trying
// things out. Its root is kept in a folder between runs; the certificates it
// issues are kept in memory only. Stores may share it.
type Authority struct {
	dir  string
	now  func() time.Time
	root *x509.Certificate
	sign crypto.Signer // the root's key
	key  crypto.Signer // of all the certificates issued

	mu     sync.Mutex
	issued map[subject]*issued
}

// AuthorityDir is where OpenAuthority keeps its root when no folder is given:
// http-master/ca in the user's configuration folder. A systemd unit with a
// StateDirectory has it there: the user of such a service often has no home,
// or one that cannot be written.
func AuthorityDir() (string, error) {
	if state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); state != "" {
		return filepath.Join(state, "ca"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", errors.New("local authority: there is no folder to keep it in: set HOME or XDG_CONFIG_HOME, or StateDirectory=http-master in a systemd unit")
	}
	return filepath.Join(dir, "http-master", "ca"), nil
}

// OpenAuthority reads the root in dir, or makes one if there is none or it has
// expired. dir "" means AuthorityDir(). Several processes may do so at a time.
// now nil means time.Now.
func OpenAuthority(dir string, now func() time.Time) (*Authority, error) {
	return loadAuthority(dir, now, (*Authority).open)
}

// PeekAuthority is OpenAuthority for those who only look at what would be
// served: it writes nothing. Where OpenAuthority would make a root this one
// has one that is forgotten with it.
func PeekAuthority(dir string, now func() time.Time) (*Authority, error) {
	return loadAuthority(dir, now, (*Authority).peek)
}

func loadAuthority(dir string, now func() time.Time, open func(*Authority) error) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	if dir == "" {
		var err error
		if dir, err = AuthorityDir(); err != nil {
			return nil, err
		}
	}
	a := &Authority{dir: dir, now: now, issued: make(map[subject]*issued)}
	if err := open(a); err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	return a, nil
}

// RootFile is the file with the root's certificate, which clients that shall
// trust the authority need.
func (a *Authority) RootFile() string { return filepath.Join(a.dir, rootFile) }

func (a *Authority) open() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("%w; set XDG_CONFIG_HOME to a folder that can be written", err)
	}
	err := a.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.make()
	}
	if err == nil && a.now().After(a.root.NotAfter) {
		if err = os.Remove(a.bundle()); err == nil {
			err = a.make()
		}
	}
	if err != nil {
		return err
	}
	return a.publish()
}

func (a *Authority) peek() error {
	err := a.read()
	if err == nil && !a.now().After(a.root.NotAfter) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	der, k, err := newRoot(a.now())
	if err != nil {
		return err
	}
	a.sign = k
	a.root, err = x509.ParseCertificate(der)
	return err
}

func (a *Authority) make() error {
	if err := a.create(); err != nil {
		return err
	}
	return a.read()
}

func (a *Authority) bundle() string { return filepath.Join(a.dir, rootBundle) }

func (a *Authority) read() error {
	data, err := readBounded(a.bundle())
	if err != nil {
		return err
	}
	c := classify(data)
	cert, k := match(c.certs, c.keys)
	if cert == nil || !cert.IsCA {
		return fmt.Errorf("%s is damaged: remove it, and a new authority is made, which clients must be told to trust anew", a.bundle())
	}
	a.root, a.sign = cert, k.signer
	return nil
}

// create makes a root, unless another process was faster: the bundle appears
// whole, and is never replaced.
func (a *Authority) create() error {
	cert, k, err := newRoot(a.now())
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return err
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	temp, err := writeTemp(a.dir, content)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	err = os.Link(temp, a.bundle())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return os.Rename(temp, a.bundle()) // a file system without links
	}
	return nil
}

// publish writes the root's certificate where users look for it.
func (a *Authority) publish() error {
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	if old, err := readBounded(a.RootFile()); err == nil && bytes.Equal(old, content) {
		return nil
	}
	temp, err := writeTemp(a.dir, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, a.RootFile()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// writeTemp writes a file that only its owner can read, and gives its name.
func writeTemp(dir string, content []byte) (string, error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func newRoot(now time.Time) (der []byte, k *ecdsa.PrivateKey, err error) {
	if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	name := "http-master local CA"
	if machine, err := os.Hostname(); err == nil {
		name += " " + machine
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name[:min(len(name), maxCommonName)]},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.AddDate(rootYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	return der, k, err
}

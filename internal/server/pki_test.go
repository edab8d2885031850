package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testCA is a certificate authority of the tests, for clients and servers.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T, name string) *testCA {
	t.Helper()
	a := &testCA{}
	made := a.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return &testCA{made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)}
}

// issue makes a certificate for a day, or until template.NotAfter; one of an
// authority without a certificate signs itself.
func (a *testCA) issue(t *testing.T, template *x509.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// client makes a client's certificate.
func (a *testCA) client(t *testing.T, name pkix.Name, notAfter time.Time) *tls.Certificate {
	t.Helper()
	return a.issue(t, &x509.Certificate{Subject: name, NotAfter: notAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// folder makes a certDir with a certificate for names.
func (a *testCA) folder(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	c := a.issue(t, &x509.Certificate{DNSNames: names})
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "server.pem"),
		&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw},
		&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return dir
}

func writePEM(t *testing.T, file string, blocks ...*pem.Block) {
	t.Helper()
	var content []byte
	for _, block := range blocks {
		content = append(content, pem.EncodeToMemory(block)...)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// caFile writes the certificates of authorities to a file.
func caFile(t *testing.T, list ...*testCA) string {
	t.Helper()
	var blocks []*pem.Block
	for _, a := range list {
		blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, file, blocks...)
	return file
}

//go:build unix

package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// authority is a root with an intermediate below it that issues the leaves.
// Clients trust the root only, so a server must send the intermediate.
type authority struct {
	root, intermediate *x509.Certificate
	key                crypto.Signer // the intermediate's
}

// testCA is the one authority of all tests.
var testCA = sync.OnceValue(func() *authority {
	rootKey, key := newKey(), newKey()
	root := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "End-to-end root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, rootKey.Public(), rootKey)
	intermediate := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "End-to-end intermediate"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, root, key.Public(), rootKey)
	return &authority{root, intermediate, key}
})

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
}

func sign(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(24 * time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		panic(err) // the template is at fault
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// writeLeaf issues a certificate for hosts, the first of which is its common
// name, and writes it and its key to two files in dir, without the
// intermediate.
func (a *authority) writeLeaf(t *testing.T, dir, base string, hosts ...string) {
	t.Helper()
	key := newKey()
	leaf := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.intermediate, key.Public(), a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, base+".key"), pemText("PRIVATE KEY", der))
	writeFile(t, filepath.Join(dir, base+".crt"), pemText("CERTIFICATE", leaf.Raw))
}

// rootFile writes what clients are to trust and gives the file's path.
func (a *authority) rootFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	writeFile(t, file, pemText("CERTIFICATE", a.root.Raw))
	return file
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// pin is the intermediate's key as browsers pin keys.
func (a *authority) pin() string {
	sum := sha256.Sum256(a.intermediate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// certFolder fills a folder as people's folders are: a subfolder per host,
// the intermediate in a file of its own, something in it that is no
// certificate.
func certFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := testCA()
	ca.writeLeaf(t, filepath.Join(dir, "myserver"), "server", "myserver.com")
	ca.writeLeaf(t, filepath.Join(dir, "mywebsite"), "cert", "mywebsite.net", "www.mywebsite.net")
	ca.writeLeaf(t, filepath.Join(dir, "wild", "card"), "star", "*.apps.example")
	ca.writeLeaf(t, dir, "elsewhere", "elsewhere.example")
	writeFile(t, filepath.Join(dir, "chain.txt"), pemText("CERTIFICATE", ca.intermediate.Raw))
	writeFile(t, filepath.Join(dir, "README"), "Certificates of this machine.\n")
	return dir
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// writeFile replaces a file in one step, as editors and certificate clients do,
// and makes its folder where needed.
func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	temporary := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, file); err != nil {
		t.Fatal(err)
	}
}

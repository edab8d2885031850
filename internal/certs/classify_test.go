package certs

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestClassify(t *testing.T) {
	a := newAuthority(t, "one")
	leaf := a.leaf(t, "a.test")
	ecKey := leaf.key.(*ecdsa.PrivateKey)
	sec1 := must(x509.MarshalECPrivateKey(ecKey))
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey())
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(rsaKey()))
	x25519 := must(x509.MarshalPKCS8PrivateKey(must(ecdh.X25519().GenerateKey(rand.Reader))))
	p224 := must(x509.MarshalECPrivateKey(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))))
	cert, k := certPEM(leaf), keyPEM(leaf)

	for _, tt := range []struct {
		name        string
		content     string
		certs, keys int
		problems    []string
	}{
		{name: "empty"},
		{name: "text", content: "just a note\n"},
		{name: "one certificate", content: cert, certs: 1},
		{name: "key first, then chain", content: k + certPEM(leaf, a.sub, a.root), certs: 3, keys: 1},
		{name: "text around", content: "subject=a\n\n" + cert + "\nissuer=b\n" + k + "end", certs: 1, keys: 1},
		{name: "byte order mark", content: "\ufeff" + cert, certs: 1},
		{name: "CRLF", content: strings.ReplaceAll(cert+k, "\n", "\r\n"), certs: 1, keys: 1},
		{name: "no final newline", content: strings.TrimSpace(cert), certs: 1},
		{name: "old label", content: block("X509 CERTIFICATE", leaf.cert.Raw), certs: 1},
		{name: "PKCS#1", content: block("RSA PRIVATE KEY", pkcs1), keys: 1},
		{name: "PKCS#8", content: block("PRIVATE KEY", pkcs8), keys: 1},
		{name: "SEC 1", content: block("EC PRIVATE KEY", sec1), keys: 1},
		{name: "wrong label", content: block("RSA PRIVATE KEY", pkcs8), keys: 1},
		{name: "EC parameters before the key", content: fixture(t, "with-parameters.pem"), keys: 1},
		{name: "DER certificate", content: string(leaf.cert.Raw), certs: 1},
		{name: "DER chain", content: string(leaf.cert.Raw) + string(a.sub.cert.Raw), certs: 2},
		{name: "DER PKCS#1", content: string(pkcs1), keys: 1},
		{name: "DER PKCS#8", content: string(pkcs8), keys: 1},
		{name: "DER SEC 1", content: string(sec1), keys: 1},
		{name: "other blocks", content: block("DH PARAMETERS", []byte{1}) + block("CERTIFICATE REQUEST", []byte{1}) + block("PUBLIC KEY", []byte{1})},
		{name: "key inside JSON", content: `{"key": "-----BEGIN PRIVATE KEY-----\nabcd\n-----END PRIVATE KEY-----\n"}`},
		{name: "number", content: "0123456789"},
		{name: "encrypted PKCS#8", content: fixture(t, "encrypted-pkcs8.pem"), problems: []string{textEncrypted}},
		{name: "encrypted DER", content: fixture(t, "encrypted-pkcs8.der"), problems: []string{textEncrypted}},
		{name: "encrypted old style", content: fixture(t, "encrypted-sec1.pem"), problems: []string{textEncrypted}},
		{name: "encrypted beside certificate", content: cert + fixture(t, "encrypted-pkcs8.pem"), certs: 1, problems: []string{textEncrypted}},
		{name: "PKCS#12", content: fixture(t, "bundle.p12"), problems: []string{textPKCS12}},
		{name: "half a PEM key", content: k[:len(k)/2], problems: []string{textDamaged}},
		{name: "half a key behind a certificate", content: cert + k[:len(k)/2], certs: 1, problems: []string{textDamaged}},
		{name: "bad base64 between good blocks", content: cert + strings.Replace(cert, "MII", "!!!", 1) + k, certs: 1, keys: 1, problems: []string{textDamaged}},
		{name: "half a DER certificate", content: string(leaf.cert.Raw[:200]), problems: []string{textDamaged}},
		{name: "no certificate inside", content: block("CERTIFICATE", []byte("x")), problems: []string{"a certificate in it cannot be read: malformed certificate"}},
		{name: "key agreement key", content: block("PRIVATE KEY", x25519), problems: []string{textKeyKind}},
		{name: "P-224", content: block("EC PRIVATE KEY", p224), problems: []string{textKeyKind}},
		{name: "SSH key", content: block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")), problems: []string{textKeyKind}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := classify([]byte(tt.content))
			if len(got.certs) != tt.certs || len(got.keys) != tt.keys || !slices.Equal(got.problems, tt.problems) {
				t.Errorf("got %d certificates, %d keys, problems %q, want %d, %d, %q",
					len(got.certs), len(got.keys), got.problems, tt.certs, tt.keys, tt.problems)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	a := newAuthority(f, "fuzz")
	leaf := a.leaf(f, "a.test")
	for _, seed := range []string{
		"", "0", "0\x82", certPEM(leaf, a.sub) + keyPEM(leaf), string(leaf.cert.Raw), keyPEM(leaf)[:80],
		fixture(f, "bundle.p12"), fixture(f, "encrypted-pkcs8.der"), fixture(f, "encrypted-sec1.pem"), fixture(f, "with-parameters.pem"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c := classify(data)
		if !bytes.Equal(before, data) {
			t.Error("the content was changed")
		}
		for _, k := range c.keys {
			if k.signer == nil || k.id == "" {
				t.Errorf("a key without a public key: %+v", k)
			}
		}
		for _, cert := range c.certs {
			sanNames(cert)
			if !bytes.Contains(data, cert.Raw) && !bytes.Contains(data, []byte("CERTIFICATE")) {
				t.Errorf("a certificate that is not in it: %q", cert.Raw)
			}
		}
		// What encoding/pem and crypto/x509 find, classify finds.
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			cert, err := x509.ParseCertificate(block.Bytes)
			if block.Type == "CERTIFICATE" && err == nil && !slices.ContainsFunc(c.certs, cert.Equal) {
				t.Errorf("the certificate of %v was not found", cert.Subject)
			}
		}
	})
}

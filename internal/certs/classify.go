package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
)

const (
	textDamaged   = "a certificate or key in it is damaged or cut short"
	textEncrypted = "the private key is encrypted and cannot be used; write it without a passphrase: openssl pkey -in OLD -out NEW"
	textKeyKind   = "a private key in it is damaged, or of a kind that TLS does not use"
	textPKCS12    = "a PKCS#12 bundle, which is not read; convert it: openssl pkcs12 -in OLD -nodes -out NEW"
)

// contents is what was recognised in one file, whatever the file is called.
type contents struct {
	certs    []*x509.Certificate
	keys     []*key
	problems []string // what was recognised and cannot be used
}

// key is a private key together with what it is matched by.
type key struct {
	signer crypto.Signer
	id     string // the public key, as publicID gives it
}

// publicID is equal for a certificate and the key that belongs to it. It is
// "" for kinds of keys that TLS does not use.
func publicID(public crypto.PublicKey) string {
	switch p := public.(type) {
	case *rsa.PublicKey, ed25519.PublicKey:
	case *ecdsa.PublicKey:
		// P-224 can be parsed and not served.
		if p.Curve != elliptic.P256() && p.Curve != elliptic.P384() && p.Curve != elliptic.P521() {
			return ""
		}
	default:
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	return string(der)
}

// classify recognises PEM with any number of blocks in any order, and DER.
// Content that is neither yields nothing, which is not a problem: folders
// hold all sorts of files.
func classify(data []byte) *contents {
	c := new(contents)
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // Windows editors put it there
	switch begun := countBlocks(data); {
	case begun > 0:
		c.addPEM(data, begun)
	case len(data) > 1 && data[0] == 0x30:
		c.addDER(data)
	}
	return c
}

// countBlocks counts the lines that begin a PEM block. A BEGIN elsewhere, as
// in a JSON string, is no block.
func countBlocks(data []byte) int {
	n := bytes.Count(data, []byte("\n-----BEGIN "))
	if bytes.HasPrefix(data, []byte("-----BEGIN ")) {
		n++
	}
	return n
}

// addPEM takes the blocks out of data, in which begun of them start. Decode
// skips over those it cannot read, so they are found by counting.
func (c *contents) addPEM(data []byte, begun int) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		begun--
		c.addBlock(block)
	}
	if begun > 0 {
		c.problem(textDamaged)
	}
}

func (c *contents) addBlock(block *pem.Block) {
	switch {
	case block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			c.problem(fmt.Sprintf("a certificate in it cannot be read: %s", strings.TrimPrefix(err.Error(), "x509: ")))
			return
		}
		c.certs = append(c.certs, cert)
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		c.problem(textEncrypted)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		k := parseKey(block.Bytes)
		if k == nil {
			c.problem(textKeyKind)
			return
		}
		c.keys = append(c.keys, k)
	}
	// EC PARAMETERS, DH PARAMETERS, PUBLIC KEY, CERTIFICATE REQUEST and the
	// like are of no use here and no fault.
}

func (c *contents) addDER(data []byte) {
	if certs, err := x509.ParseCertificates(data); err == nil {
		c.certs = certs
		return
	}
	if k := parseKey(data); k != nil {
		c.keys = []*key{k}
		return
	}
	var encrypted struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if rest, err := asn1.Unmarshal(data, &encrypted); err == nil && len(rest) == 0 {
		c.problem(textEncrypted)
		return
	}
	var bundle struct {
		Version int
		Safe    struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue `asn1:"optional"`
		}
		MAC asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(data, &bundle); err == nil && bundle.Version == 3 {
		c.problem(textPKCS12)
		return
	}
	// A text can begin with "0" as well, but no text goes on like this.
	if data[1] == 0x82 && cutShort(data) {
		c.problem(textDamaged)
	}
}

// cutShort tells whether data is less than the DER value that it begins.
func cutShort(data []byte) bool {
	var outer asn1.RawValue
	_, err := asn1.Unmarshal(data, &outer)
	return err != nil
}

func (c *contents) problem(text string) { c.problems = append(c.problems, text) }

// parseKey reads a key in PKCS#8, PKCS#1 or SEC 1 form, whatever its block was
// labelled. It gives nil for what is none, or none that TLS can use.
func parseKey(der []byte) *key {
	var parsed any
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		parsed = k
	} else if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		parsed = k
	} else if k, err := x509.ParseECPrivateKey(der); err == nil {
		parsed = k
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil
	}
	id := publicID(signer.Public())
	if id == "" {
		return nil
	}
	return &key{signer, id}
}

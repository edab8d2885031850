package acmetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"time"
)

// patience is for the whole of a validation.
const patience = 10 * time.Second

// request is a signed request whose signature has been verified.
type request struct {
	account string // URL
	key     *ecdsa.PublicKey
	payload []byte
}

// open verifies a JSON Web Signature (RFC 8555, section 6.2): ES256 by an
// account's key, or by a key that asks for an account and brings itself.
func (ca *CA) open(r *http.Request, base string) (*request, error) {
	var signed struct{ Protected, Payload, Signature string }
	if err := json.NewDecoder(r.Body).Decode(&signed); err != nil {
		return nil, err
	}
	var head struct {
		Alg, KID, Nonce, URL string
		JWK                  *struct{ X, Y string }
	}
	if err := json.Unmarshal(decode(signed.Protected), &head); err != nil {
		return nil, err
	}
	switch {
	case head.Alg != "ES256":
		return nil, fmt.Errorf("algorithm %q", head.Alg)
	case head.URL != base+r.URL.Path:
		return nil, fmt.Errorf("signed for %q", head.URL)
	case !ca.nonces[head.Nonce]:
		return nil, errors.New("an old nonce")
	}
	delete(ca.nonces, head.Nonce)
	key := ca.accounts[head.KID]
	if head.JWK != nil {
		point := slices.Concat([]byte{4}, decode(head.JWK.X), decode(head.JWK.Y)) // uncompressed (SEC 1, section 2.3.3)
		var err error
		if key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil {
			return nil, err
		}
		head.KID = base + "/accounts/" + thumbprint(key)
	}
	signature := decode(signed.Signature)
	if key == nil || len(signature) != 64 {
		return nil, errors.New("an unknown account")
	}
	sum := sha256.Sum256([]byte(signed.Protected + "." + signed.Payload))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, errors.New("a wrong signature")
	}
	ca.accounts[head.KID] = key
	return &request{head.KID, key, decode(signed.Payload)}, nil
}

// decode gives nothing for what is not base64url, which then fails elsewhere.
func decode(text string) []byte {
	data, _ := base64.RawURLEncoding.DecodeString(text)
	return data
}

// thumbprint is a key's name (RFC 7638).
func thumbprint(key *ecdsa.PublicKey) string {
	point, err := key.Bytes()
	if err != nil {
		panic(err) // it was parsed from them
	}
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`,
		base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// validate connects to the host of o and looks whether it knows the answer.
func (ca *CA) validate(o *order, method, answer string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dial, check := ca.DialHTTP, checkHTTP
	if method == "tls-alpn-01" {
		dial, check = ca.DialTLS, checkTLSALPN
	}
	if dial == nil {
		return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	conn, err := dial(ctx, o.name)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return check(conn, o, answer)
}

// checkHTTP is HTTP-01 (RFC 8555, section 8.3), without following redirects.
func checkHTTP(conn net.Conn, o *order, answer string) error {
	r, err := http.NewRequest(http.MethodGet, "http://"+o.name+"/.well-known/acme-challenge/"+o.token, nil)
	if err != nil {
		return err
	}
	r.Close = true
	if err := r.Write(conn); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || string(body) != answer {
		return fmt.Errorf("invalid response from http://%s: %s %q", o.name, res.Status, body)
	}
	return nil
}

// checkTLSALPN is TLS-ALPN-01 (RFC 8737, section 3).
func checkTLSALPN(conn net.Conn, o *order, answer string) error {
	client := tls.Client(conn, &tls.Config{
		ServerName: o.name, NextProtos: []string{"acme-tls/1"}, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // the certificate is the answer
	})
	if err := client.Handshake(); err != nil {
		return err
	}
	defer client.Close()
	state := client.ConnectionState()
	leaf := state.PeerCertificates[0]
	if state.NegotiatedProtocol != "acme-tls/1" || len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != o.name {
		return fmt.Errorf("invalid answer of %s: protocol %q, a certificate for %q", o.name, state.NegotiatedProtocol, leaf.DNSNames)
	}
	sum := sha256.Sum256([]byte(answer))
	want, err := asn1.Marshal(sum[:])
	if err != nil {
		return err
	}
	for _, extension := range leaf.Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && extension.Critical && bytes.Equal(extension.Value, want) {
			return nil
		}
	}
	return fmt.Errorf("invalid answer of %s: not this token's certificate", o.name)
}

// issue signs the key of a certificate request, base64url, for name.
func (ca *CA) issue(name, csr string) ([]byte, error) {
	asked, err := x509.ParseCertificateRequest(decode(csr))
	if err != nil {
		return nil, err
	}
	key, ok := asked.PublicKey.(*ecdsa.PublicKey)
	if err := asked.CheckSignature(); err != nil || !ok || len(asked.DNSNames) != 1 || asked.DNSNames[0] != name {
		return nil, fmt.Errorf("a request for %q with %T, %w", asked.DNSNames, asked.PublicKey, err)
	}
	validity := ca.Validity
	if validity == 0 {
		validity = 90 * 24 * time.Hour
	}
	cert := ca.sign(&x509.Certificate{
		DNSNames: asked.DNSNames, NotAfter: time.Now().Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key)
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})...), nil
}

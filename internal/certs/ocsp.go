package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	ocspTimeout = 10 * time.Second // for one answer of a responder
	ocspMaxSize = 64 << 10         // bytes; real answers have one to three thousand
	ocspSkew    = 5 * time.Minute  // by which a responder's clock may be ahead
)

// ocspProof is what a responder says of a certificate that is still good, in the
// form that is stapled to handshakes (RFC 6066, section 8).
type ocspProof struct {
	response []byte
	end      time.Time // when clients no longer take it
}

// errRevoked is for a certificate that its issuer has taken back.
var errRevoked = errors.New("its issuer has revoked it: clients refuse it, get a new one")

// askOCSP asks the first responder that cert names whether issuer still stands
// by it (RFC 6960). What it gives has been verified.
func askOCSP(ctx context.Context, client *http.Client, cert, issuer *x509.Certificate, now time.Time) (*ocspProof, error) {
	question, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cert.OCSPServer[0], bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	request.Header.Set("Accept", "application/ocsp-response")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", cert.OCSPServer[0], answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, ocspMaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(body) > ocspMaxSize {
		return nil, fmt.Errorf("the answer of %s is too large", cert.OCSPServer[0])
	}
	return checkOCSP(body, cert, issuer, now)
}

// checkOCSP verifies an answer. One without an end is not taken: it could be
// stapled for ever (RFC 5019, section 2.2.4, forbids it as well).
func checkOCSP(answer []byte, cert, issuer *x509.Certificate, now time.Time) (*ocspProof, error) {
	// Without the issuer it verifies the signature by the certificate in the
	// answer, if there is one. With it, it refuses answers that have the
	// issuer's own in them.
	said, err := ocsp.ParseResponseForCert(answer, cert, nil)
	if err != nil {
		return nil, err
	}
	if err := checkSigner(said, issuer, now); err != nil {
		return nil, err
	}
	switch {
	case said.Status == ocsp.Revoked:
		return nil, errRevoked
	case said.Status != ocsp.Good:
		return nil, errors.New("the responder does not know the certificate")
	case said.ThisUpdate.After(now.Add(ocspSkew)):
		return nil, errors.New("the answer is from the future: is this machine's clock right?")
	case !said.NextUpdate.After(now):
		return nil, errors.New("the answer is out of date")
	}
	return &ocspProof{answer, said.NextUpdate}, nil
}

// checkSigner makes sure that the answer is the issuer's, or of somebody whom it
// has made a certificate for answering in its place (RFC 6960, section 4.2.2.2).
// That it has issued the certificate is not enough: it has issued many.
func checkSigner(said *ocsp.Response, issuer *x509.Certificate, now time.Time) error {
	by := said.Certificate
	switch {
	case by == nil:
		if err := said.CheckSignatureFrom(issuer); err != nil {
			return fmt.Errorf("the answer is not signed by the issuer: %w", err)
		}
	case by.Equal(issuer):
	case by.CheckSignatureFrom(issuer) != nil:
		return errors.New("the answer is signed by a stranger")
	case !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(by.NotBefore) || now.After(by.NotAfter):
		return errors.New("the answer is signed by a certificate that is not for it")
	}
	return nil
}

// tlsFeature is the extension in which a certificate tells what servers must
// support (RFC 7633), statusRequest the feature that is OCSP stapling.
var tlsFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

const statusRequest = 5

// MustStaple tells whether the certificate asks clients to refuse it without a
// stapled OCSP answer.
func (c *Certificate) MustStaple() bool {
	for _, extension := range c.Leaf.Extensions {
		var features []int
		if extension.Id.Equal(tlsFeature) {
			if _, err := asn1.Unmarshal(extension.Value, &features); err == nil && slices.Contains(features, statusRequest) {
				return true
			}
		}
	}
	return false
}

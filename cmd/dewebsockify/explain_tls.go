package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// explainTLS says what went wrong with TLS, "" if something else did.
func explainTLS(err error, server *url.URL) string {
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate is not for %s but for %s", wrong.Host, certificateNames(wrong.Certificate))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("the certificate of %s is signed by an authority that is not known here: use --ca FILE with the authority's certificate, or --insecure for a trial", server.Hostname())
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return fmt.Sprintf("the certificate of %s is valid from %s to %s", server.Hostname(),
				invalid.Cert.NotBefore.UTC().Format("2006-01-02"), invalid.Cert.NotAfter.UTC().Format("2006-01-02 15:04 UTC"))
		}
		return fmt.Sprintf("the certificate of %s is not valid: %s", server.Hostname(), clean(invalid.Error()))
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return explainAlert(op.Err.Error(), server.Host)
	}
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	if noTLS || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Sprintf("%s does not speak TLS: use ws:// instead of wss://", server.Host)
	}
	if wrong, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return clean(wrong.Error())
	}
	return ""
}

// aboutCertificate are the alerts with which a server turns down a client's
// certificate (RFC 8446, 6.2).
var aboutCertificate = []tls.AlertError{42, 43, 44, 45, 46, 48}

// explainAlert says why the server does not go on. crypto/tls keeps its type for
// alerts to itself, but AlertError has the same texts.
func explainAlert(alert, server string) string {
	const certificateRequired = tls.AlertError(116)
	switch {
	case alert == certificateRequired.Error():
		return server + " wants a certificate of yours: use --cert and --key"
	case slices.ContainsFunc(aboutCertificate, func(a tls.AlertError) bool { return alert == a.Error() }):
		return fmt.Sprintf("%s does not accept your certificate, or wants one: %s", server, clean(alert))
	}
	return fmt.Sprintf("%s ended the handshake: %s", server, clean(alert))
}

func certificateNames(cert *x509.Certificate) string {
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return clean(strings.Join(names, ", "))
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// trust is how the server is known, and how the client is known to it.
type trust struct {
	roots     *x509.CertPool // nil: the system's
	insecure  bool
	cert, key string // files
	host      string // goes by instead of the URL's host
}

// finish makes the settings of TLS of those that were collected.
func (t *trust) finish(f *forward) *settingError {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.roots, InsecureSkipVerify: t.insecure}
	if t.insecure {
		if t.roots != nil {
			return &settingError{insecureSetting, errors.New("it contradicts ca: with one the certificate is verified, with the other it is not")}
		}
		f.warnings = append(f.warnings, "the server's certificate is not verified, anyone on the way can pose as the server")
	}
	f.dialer.ProxyTLS = config.Clone() // a proxy is not to get the client's certificate
	if wrong := t.identify(f, config); wrong != nil {
		return wrong
	}
	if t.host != "" {
		t.goBy(f, config)
	}
	f.dialer.TLS = config
	return nil
}

// identify loads the client's certificate. Without a key file, the key is in the
// certificate's.
func (t *trust) identify(f *forward, config *tls.Config) *settingError {
	if t.cert == "" {
		if t.key != "" {
			return &settingError{"key", errors.New("a key needs its certificate: add cert")}
		}
		return nil
	}
	key := t.key
	if key == "" {
		key = t.cert
	}
	pair, err := tls.LoadX509KeyPair(t.cert, key)
	if err != nil {
		return &settingError{"cert", errors.New(strings.TrimPrefix(err.Error(), "tls: "))}
	}
	f.warnIfOpen(key)
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// goBy lets the network see t.host and not the URL's host, in the handshake of
// TLS and in the Host header. Whom the user trusts is still whom the URL names,
// so the certificate must be for that. Where the URL has an address, t.host is
// the only name there is.
func (t *trust) goBy(f *forward, config *tls.Config) {
	if f.dialer.Header.Get("Host") == "" {
		host := t.host
		if port := f.url.Port(); port != "" {
			host = net.JoinHostPort(host, port)
		}
		f.dialer.Header.Set("Host", host)
	}
	config.ServerName = t.host
	if t.insecure || net.ParseIP(f.url.Hostname()) != nil {
		return
	}
	config.InsecureSkipVerify = true // crypto/tls would verify for ServerName
	config.VerifyConnection = verifyAs(f.url.Hostname(), t.roots)
}

// verifyAs verifies a server's certificate for a name.
func verifyAs(name string, roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(cert)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}

// readRoots reads the authorities to trust, and no others.
func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}

// parseName reads a host's name: no address, and no port.
func parseName(text string) (string, error) {
	for _, label := range strings.Split(text, ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errors.New("it takes a name such as www.example.com, without a port")
		}
	}
	if net.ParseIP(text) != nil {
		return "", errors.New("it takes a name such as www.example.com, and no address")
	}
	return text, nil
}

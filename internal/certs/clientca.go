package certs

import (
	"crypto/x509"
	"fmt"
)

// LoadCAs reads the certificates of the authorities in file, PEM or DER. A
// file that cannot be read, holds no certificate or a damaged one is an error:
// a list that is cut short must not pass for the whole one.
func LoadCAs(file string) ([]*x509.Certificate, error) {
	data, err := readBounded(file)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %s", file, reason(err))
	}
	c := classify(data)
	if len(c.problems) > 0 {
		return nil, fmt.Errorf("%s: %s", file, c.problems[0])
	}
	if len(c.certs) == 0 {
		return nil, fmt.Errorf("%s: %s", file, textNoCert)
	}
	return c.certs, nil
}

// LoadCAPool is LoadCAs for those who want a pool to verify peers against.
func LoadCAPool(file string) (*x509.CertPool, error) {
	list, err := LoadCAs(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, cert := range list {
		pool.AddCert(cert)
	}
	return pool, nil
}

package certs

import (
	"cmp"
	"crypto/x509"
	"slices"
)

// ACMEResult is how the orders for a name went since the process began.
type ACMEResult struct {
	Name                    string
	Issued, Renewed, Failed int64
	Leaf                    *x509.Certificate // what is served now; nil when there is none yet
}

// Results tells of every name that a certificate is wanted for, in the order of
// the alphabet.
func (a *ACME) Results() []ACMEResult {
	var list []ACMEResult
	for _, n := range *a.wanted.Load() {
		r := ACMEResult{Name: n.name, Issued: n.issued.Load(), Renewed: n.renewed.Load(), Failed: n.failed.Load()}
		if n.ready.Load() {
			if cert, err := a.get(n.name); err == nil {
				r.Leaf = cert.Leaf
			}
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b ACMEResult) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Certificates gives those that the folder and the pairs have for clients now.
func (s *Store) Certificates() []*Certificate { return s.current.Load().certs }

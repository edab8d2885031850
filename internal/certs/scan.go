package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Folder is what was found in a certificate folder.
type Folder struct {
	Dir          string
	Files        []*File        // in alphabetical order
	Certificates []*Certificate // every server certificate once, in the order of Files
	Notices      []Notice

	byPath map[string]*File
	gone   bool // a store's folder that could not be read or has become empty
}

// File is one file of a Folder.
type File struct {
	Path         string              // begins with Folder.Dir; links as they are written
	SameAs       string              // the Path of an earlier File that is the same file by way of links
	Certificates []*Certificate      // server certificates in it
	Authorities  []*x509.Certificate // other certificates in it: intermediates and roots
	Keys         int                 // private keys in it
	KeyFor       []*Certificate      // the certificates that these keys belong to
	Problems     []string            // what in it cannot be used, as a whole or in part
	TooLarge     bool                // it was not looked at

	raw *contents
}

// ScanDir looks through dir and its subfolders, follows links, and recognises
// certificates and keys by content. Files of more than 1 MiB are not looked
// at, nor is anything beyond 20,000 files. now decides what is expired. The
// error is for dir itself; whatever else goes wrong is a Notice.
func ScanDir(dir string, now time.Time) (*Folder, error) {
	l := list(dir)
	if l.err != nil {
		return nil, fmt.Errorf("certificate folder %s: %s", dir, reason(l.err))
	}
	f := l.scan(now, new(systemRoots))
	f.share()
	return f, nil
}

// share tells each certificate which of its names it serves.
func (f *Folder) share() {
	x := newIndex(sources{fresh: f.Usable()})
	for _, c := range f.Usable() {
		first := func(list []*Certificate) bool {
			i := slices.IndexFunc(list, func(o *Certificate) bool { return o.Leaf.PublicKeyAlgorithm == c.Leaf.PublicKeyAlgorithm })
			return list[i] == c
		}
		for _, name := range c.Names {
			list := x.san.exact[name]
			if below, wild := strings.CutPrefix(name, "*."); wild {
				list = x.san.wild[below]
			}
			if first(list) {
				c.Serves = append(c.Serves, name)
			}
		}
		for _, ip := range c.IPs {
			if first(x.ips[ip]) {
				c.Serves = append(c.Serves, ip.String())
			}
		}
	}
}

// Usable gives the certificates that can be served.
func (f *Folder) Usable() []*Certificate {
	var usable []*Certificate
	for _, c := range f.Certificates {
		if c.Usable() {
			usable = append(usable, c)
		}
	}
	return usable
}

// scanner turns the files of a folder into certificates with keys and chains.
type scanner struct {
	folder  *Folder
	now     time.Time
	roots   *systemRoots
	byReal  map[string]*File
	found   []*found          // every distinct certificate
	byRaw   map[string]*found // the same, by content
	keys    map[string]*foundKey
	issuers *issuers
	renewed map[string]bool // names with a certificate that does not expire soon
}

type found struct {
	cert   *x509.Certificate
	files  []string
	near   []*x509.Certificate // what lay in the same files
	server *Certificate        // nil for an authority's
}

type foundKey struct {
	key     *key
	files   []string
	servers []*Certificate // those it belongs to
}

func (l *listing) scan(now time.Time, roots *systemRoots) *Folder {
	s := &scanner{
		folder:  &Folder{Dir: l.dir, byPath: make(map[string]*File)},
		now:     now,
		roots:   roots,
		byReal:  make(map[string]*File),
		byRaw:   make(map[string]*found),
		keys:    make(map[string]*foundKey),
		issuers: newIssuers(),
	}
	for _, e := range l.entries {
		s.read(e)
	}
	for _, file := range s.folder.Files {
		s.collect(file)
	}
	for _, f := range s.found {
		s.sort(f)
	}
	for _, f := range s.found {
		if f.server != nil {
			s.finish(f)
		}
	}
	for _, file := range s.folder.Files {
		s.describe(file)
	}
	s.notices(l.truncated)
	return s.folder
}

// read makes the File for an entry.
func (s *scanner) read(e entry) {
	file := &File{Path: e.path, raw: new(contents)}
	s.folder.Files = append(s.folder.Files, file)
	s.folder.byPath[e.path] = file
	if first := s.byReal[e.real]; first != nil {
		file.SameAs, file.raw, file.TooLarge = first.Path, first.raw, first.TooLarge
		return
	}
	s.byReal[e.real] = file
	err := e.err
	if err == nil {
		var data []byte
		if data, err = readBounded(e.real); err == nil {
			file.raw = classify(data)
		}
	}
	switch {
	case errors.Is(err, errTooLarge):
		file.TooLarge = true
	case errors.Is(err, os.ErrNotExist):
		file.raw.problem("a link that leads nowhere")
	case err != nil:
		file.raw.problem("cannot be read: " + reason(err))
	}
}

// collect notes what lies where. The same certificate or key in several files
// is one.
func (s *scanner) collect(file *File) {
	for _, cert := range file.raw.certs {
		f := s.byRaw[string(cert.Raw)]
		if f == nil {
			f = &found{cert: cert}
			s.byRaw[string(cert.Raw)] = f
			s.found = append(s.found, f)
		}
		if !slices.Contains(f.files, file.Path) {
			f.files = append(f.files, file.Path)
			f.near = append(f.near, file.raw.certs...)
		}
	}
	for _, k := range file.raw.keys {
		f := s.keys[k.id]
		if f == nil {
			f = &foundKey{key: k}
			s.keys[k.id] = f
		}
		f.files = append(f.files, file.Path)
	}
}

// sort parts servers' certificates from authorities'. A self-signed server
// certificate is often marked as an authority's: it has names and a key here,
// which no real authority has.
func (s *scanner) sort(f *found) {
	names, ips := sanNames(f.cert)
	named := len(names)+len(ips) > 0
	k := s.keys[publicID(f.cert.PublicKey)]
	if f.cert.IsCA && (!named || k == nil) || selfIssued(f.cert) && !named && k == nil {
		s.issuers.add(f.cert)
		return
	}
	f.server = &Certificate{Leaf: f.cert, Names: names, IPs: ips, Files: f.files}
	if k != nil {
		f.server.KeyFiles = k.files
		k.servers = append(k.servers, f.server)
	}
	s.folder.Certificates = append(s.folder.Certificates, f.server)
}

// finish completes the chain and decides whether the certificate can be used.
func (s *scanner) finish(f *found) {
	c := f.server
	c.Issuers, c.whole = s.issuers.chain(c.Leaf, f.near, s.now)
	c.issuer = s.issuers.issuerOf(c.Leaf, f.near, s.now)
	if !c.whole {
		s.judgeEnd(c)
	}
	k := s.keys[publicID(c.Leaf.PublicKey)]
	c.Problem = problem(c, k != nil, s.now)
	if c.Usable() {
		c.prepare(k.key)
	}
}

// judgeEnd looks at a chain whose root is not in the folder. No root has to be,
// so only what the machine trusts can tell whether anything is missing.
func (s *scanner) judgeEnd(c *Certificate) {
	last := c.Leaf
	if n := len(c.Issuers); n > 0 {
		last = c.Issuers[n-1]
	}
	switch {
	case s.roots.trust(last, s.now):
		c.whole = true
	case last == c.Leaf || logged(c.Leaf) && !s.roots.empty():
		c.Missing = issuerName(last)
	case !s.roots.empty():
		c.Ends = issuerName(last)
	}
}

// describe fills in what the file holds, now that that is known.
func (s *scanner) describe(file *File) {
	for _, cert := range file.raw.certs {
		if f := s.byRaw[string(cert.Raw)]; f.server != nil {
			file.Certificates = append(file.Certificates, f.server)
		} else {
			file.Authorities = append(file.Authorities, cert)
		}
	}
	file.Keys = len(file.raw.keys)
	file.Problems = file.raw.problems
	for _, k := range file.raw.keys {
		file.KeyFor = append(file.KeyFor, s.keys[k.id].servers...)
	}
}

const (
	textClientOnly = "is for clients only (its extended key usage says so)"
	textNoKey      = "its private key was not found"
	textNoNames    = "has no subject alternative name, which every client asks for"
)

// problem tells why c cannot be served, "" when it can.
func problem(c *Certificate, hasKey bool, now time.Time) string {
	switch {
	case publicID(c.Leaf.PublicKey) == "":
		return "has a kind of key that TLS does not use"
	case !forServers(c.Leaf):
		return textClientOnly
	case c.expired(now):
		return "expired on " + day(c.Leaf.NotAfter)
	case !hasKey:
		return textNoKey
	case len(c.Names)+len(c.IPs) == 0:
		return textNoNames
	case now.Before(c.Leaf.NotBefore):
		return "is valid only from " + day(c.Leaf.NotBefore)
	}
	return ""
}

func forServers(cert *x509.Certificate) bool {
	return len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// issuerName names the authority that signed cert.
func issuerName(cert *x509.Certificate) string {
	if cert.Issuer.CommonName != "" {
		return cert.Issuer.CommonName
	}
	if name := cert.Issuer.String(); name != "" {
		return name
	}
	return "unnamed"
}

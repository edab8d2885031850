package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options says where a port's certificates come from. Everything is optional.
type Options struct {
	Dir        string           // folder to scan and watch
	Primary    string           // whose certificate a client gets that names nothing, or nothing known
	Pairs      []Pair           // files named by hand
	Local      *Authority       // issues certificates for LocalNames, localhost, the host's name and addresses
	LocalNames []string         // literal hosts of the port's rules
	ACME       *ACME            // gets certificates for names that Dir and Pairs have none for
	Log        *slog.Logger     // changes and notices, each once; nil for none
	Interval   time.Duration    // between looks at the files; 0 means 1 s
	Now        func() time.Time // nil means time.Now
}

// Key is equal for options that make the same store: a reload that changes
// nothing here goes on with the store it has.
func (o *Options) Key() string {
	local := ""
	if o.Local != nil {
		local = o.Local.RootFile()
	}
	return fmt.Sprintf("%q %q %q %q %q %p %s", o.Dir, o.Primary, o.Pairs, local, slices.Sorted(slices.Values(o.LocalNames)), o.ACME, o.Interval)
}

// Store has the certificates of one port, and follows their files while Run
// runs. Its methods may be called at any time from any goroutine.
type Store struct {
	dir        string
	primary    string
	pairs      []Pair
	pairNames  []string
	local      *Authority
	localNames map[string]bool
	acme       *ACME
	log        *slog.Logger
	interval   time.Duration
	now        func() time.Time

	current atomic.Pointer[index]
	stapler *stapler

	mu    sync.Mutex // guards what follows
	watch watchState
}

// NewStore reads everything once and logs the notices. Its error joins every
// fault of the options, as errors.Join does: one Unwrap() []error gives them,
// each a *PairError where it is about a pair. That there is no certificate at all is a notice: one may
// be put into the folder later.
func NewStore(o Options) (*Store, error) {
	s := &Store{
		dir: o.Dir, pairs: o.Pairs, local: o.Local, localNames: make(map[string]bool),
		acme: o.ACME, log: o.Log, interval: o.Interval, now: o.Now, stapler: newStapler(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.interval == 0 {
		s.interval = time.Second
	}
	if s.now == nil {
		s.now = time.Now
	}
	if faults := append(s.setNames(o), s.first()...); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

func (s *Store) setNames(o Options) []error {
	var faults []error
	if o.Primary != "" {
		name, err := hostName(o.Primary)
		if err != nil {
			faults = append(faults, fmt.Errorf("primaryDomain: %w", err))
		}
		s.primary = name
	}
	for i, p := range o.Pairs {
		name := ""
		if p.Name != "" {
			var err error
			if name, err = hostName(p.Name); err != nil {
				faults = append(faults, &PairError{Index: i, Text: err.Error()})
			}
		}
		s.pairNames = append(s.pairNames, name)
	}
	machine, _ := os.Hostname() // without one there is a name less to issue for
	for _, written := range append([]string{localhost, o.Primary, machine}, o.LocalNames...) {
		// A host that is no plain name is none to issue for, and no fault.
		if name, err := hostName(written); err == nil && !strings.HasPrefix(name, "*.") {
			s.localNames[name] = true
		}
	}
	return faults
}

// GetCertificate is for tls.Config. The order is: a pair named for the name,
// exactly, then by wildcard; a certificate that has the name, exactly, then by
// wildcard; the one got by ACME; the local authority; the primary domain's; the
// port's own pair; the first one found. A client that names nothing gets the certificate for
// the address it came to, if there is one. Of several certificates for a name
// the client gets the first it can use, the latest expiry first.
func (s *Store) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	x := s.current.Load()
	if c := x.lookup(hello); c != nil {
		return c, nil
	}
	if c := s.fromACME(hello, x); c != nil {
		return c, nil
	}
	if s.local != nil {
		if c, err := s.issue(hello, x); c != nil || err != nil {
			return c, err
		}
	}
	if c := s.standIn(hello, x); c != nil {
		return c, nil
	}
	if s.local != nil {
		return s.local.forName(localhost)
	}
	return nil, fmt.Errorf("no certificate for %q: this port has none%s", hello.ServerName, s.advice())
}

// fromACME gives the certificate that ACME has for the name. A client that sends
// none gets the primary domain's.
func (s *Store) fromACME(hello *tls.ClientHelloInfo, x *index) *tls.Certificate {
	switch {
	case s.acme == nil:
		return nil
	case hello.ServerName != "":
		return s.acme.certificate(hello.Context(), sentName(hello.ServerName))
	case s.primary != "" && !x.has(s.primary):
		return s.acme.certificate(hello.Context(), s.primary)
	}
	return nil
}

// standIn gives what a client gets for a name that there is no certificate for.
func (s *Store) standIn(hello *tls.ClientHelloInfo, x *index) *tls.Certificate {
	if s.acme != nil && s.primary != "" && !x.has(s.primary) {
		if c := s.acme.certificate(hello.Context(), s.primary); c != nil {
			return c
		}
	}
	if c := pick(hello, [4][]*Certificate{x.fallback}); c != nil || s.acme == nil {
		return c
	}
	return s.acme.any()
}

// Covers tells whether the folder or the pairs have a certificate for name, as
// PublicName gives it.
func (s *Store) Covers(name string) bool { return s.current.Load().has(name) }

// issue asks the local authority, for names that are known and no others: a
// client must not be able to have certificates made for whatever it likes.
func (s *Store) issue(hello *tls.ClientHelloInfo, x *index) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		// The address is all there is to go by, unless the config says whose
		// certificate such a client gets.
		ip := localIP(hello.Conn)
		if !ip.IsValid() || s.primary != "" && len(x.fallback) > 0 {
			return nil, nil
		}
		return s.local.forIP(ip)
	}
	name := sentName(hello.ServerName)
	if s.localNames[name] || strings.HasSuffix(name, "."+localhost) && validName(name) {
		return s.local.forName(name)
	}
	return nil, nil
}

func (s *Store) advice() string {
	if s.dir == "" {
		return ""
	}
	return ", put a certificate and its key into " + s.dir
}

// Summary is what a store has now.
type Summary struct {
	Certificates int
	Names        []string  // names and addresses, each once
	Expires      time.Time // when the first of them does; zero without certificates
	Local        bool      // there is a local authority as well
	ACME         bool      // others are got by ACME; for the caller to set
}

// String is for the line that is printed at start, such as
// "3 certificates (a.com, *.b.com, c.com, …)".
func (s Summary) String() string {
	var parts []string
	switch {
	case s.Certificates == 1:
		parts = append(parts, fmt.Sprintf("1 certificate (%s)", shorten(s.Names)))
	case s.Certificates > 1:
		parts = append(parts, fmt.Sprintf("%d certificates (%s)", s.Certificates, shorten(s.Names)))
	}
	if s.ACME {
		parts = append(parts, "certificates by ACME")
	}
	if s.Local {
		parts = append(parts, "a local authority")
	}
	if len(parts) == 0 {
		return "no certificates"
	}
	return strings.Join(parts, " and ")
}

// Summary tells what the store has now.
func (s *Store) Summary() Summary {
	sum := Summary{Local: s.local != nil}
	seen := make(map[string]bool)
	for _, c := range s.current.Load().certs {
		sum.Certificates++
		if sum.Expires.IsZero() || c.Leaf.NotAfter.Before(sum.Expires) {
			sum.Expires = c.Leaf.NotAfter
		}
		for _, name := range c.all() {
			if !seen[name] {
				seen[name] = true
				sum.Names = append(sum.Names, name)
			}
		}
	}
	return sum
}

// Notices gives what an operator should know now.
func (s *Store) Notices() []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.watch.notices)
}

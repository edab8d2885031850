package server

import (
	"context"
	"crypto/tls"
	"errors"

	"httpmaster/config"
	"httpmaster/internal/certs"
)

// ciphers are the suites of TLS 1.2 that have forward secrecy and authenticated
// encryption. Go's own choice has suites with CBC in it as well, for clients of
// before 2014. crypto/tls puts them into the order that suits both sides; those
// of TLS 1.3 are all of this kind.
var ciphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// tls fills in how p speaks TLS: versions 1.2 and 1.3 with Go's own choice of
// key exchanges, post-quantum ones included.
func (b *builder) tls(p *port, cp *config.Port) {
	p.tls = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: ciphers,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if p.store = b.store(cp); p.store != nil {
		p.tls.GetCertificate = p.store.GetCertificate
	}
	if authority := b.server.shared.localCA; cp.SSL.SelfSigned && authority != nil {
		p.rootFile = authority.RootFile()
	}
	b.acmePort(p, cp)
	if cp.SSL.NoHTTP2 {
		p.tls.NextProtos = []string{"http/1.1"}
	}
	if cp.SSL.MinVersion.Value == "1.3" {
		p.tls.MinVersion = tls.VersionTLS13
	}
	p.clientAuth = b.clientAuth(cp.SSL.ClientAuth)
	p.clientAuth.set(p.tls)
	shareTickets(p.tls, b.ticketKeys(p.clientAuth))
}

// store gives the certificates of a port. A store whose options did not change
// is the old one, with its watcher.
func (b *builder) store(cp *config.Port) *certs.Store {
	ssl := cp.SSL
	o := certs.Options{
		Primary: ssl.PrimaryDomain.Value,
		Log:     b.server.log,
	}
	if ssl.CertDir.Value != "" {
		o.Dir = b.cfg.Resolve(ssl.CertDir.Value)
	}
	if ssl.Pair.Key.Value != "" {
		o.Pairs = append(o.Pairs, b.pair("", ssl.Pair))
	}
	for _, named := range ssl.SNI {
		o.Pairs = append(o.Pairs, b.pair(named.Name.Value, named.KeyPair))
	}
	if ssl.SelfSigned {
		authority, err := b.server.shared.authority()
		if err != nil {
			b.faults.Errorf(ssl.Pos, "selfSigned: %v", err)
			return nil
		}
		o.Local = authority
		o.LocalNames = literalHosts(cp.Target)
	}
	if a := b.gen.acme; a != nil && ssl.LetsEncrypt {
		o.ACME = a.manager
	}
	key := o.Key()
	store, release, err := b.server.shared.stores.get(key, func() (*runningStore, error) { return openStore(o, !b.server.shared.dry) })
	if err != nil {
		b.storeErrors(ssl, err)
		return nil
	}
	b.gen.releases = append(b.gen.releases, release)
	return store.Store
}

// storeErrors reports a folder and pairs that cannot be used, each at its
// place.
func (b *builder) storeErrors(ssl *config.SSL, err error) {
	faults := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = joined.Unwrap()
	}
	for _, fault := range faults {
		pos := ssl.Pos
		var pair *certs.PairError
		switch {
		case errors.As(fault, &pair):
			pos = pairPos(ssl, pair.Index)
		case ssl.CertDir.Value != "":
			pos = ssl.CertDir.Pos
		}
		b.faults.Errorf(pos, "%v", fault)
	}
}

// pairPos is where the pair with this index of certs.Options.Pairs stands.
func pairPos(ssl *config.SSL, index int) config.Pos {
	if ssl.Pair.Key.Value != "" {
		if index == 0 {
			return ssl.Pair.Pos
		}
		index--
	}
	return ssl.SNI[index].Name.Pos
}

func (b *builder) pair(name string, pair config.KeyPair) certs.Pair {
	p := certs.Pair{Name: name, Key: b.cfg.Resolve(pair.Key.Value), Cert: b.cfg.Resolve(pair.Cert.Value)}
	for _, ca := range pair.CA {
		p.CA = append(p.CA, b.cfg.Resolve(ca.Value))
	}
	return p
}

// runningStore is a certificate store with the goroutine that watches its
// files, if there is one.
type runningStore struct {
	*certs.Store
	cancel context.CancelFunc
	ended  chan struct{}
}

// openStore reads what o names, and with watch goes on to follow it.
func openStore(o certs.Options, watch bool) (*runningStore, error) {
	store, err := certs.NewStore(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &runningStore{Store: store, cancel: cancel, ended: make(chan struct{})}
	if !watch {
		close(s.ended)
		return s, nil
	}
	go func() {
		defer close(s.ended)
		store.Run(ctx)
	}()
	return s, nil
}

func (s *runningStore) close() {
	s.cancel()
	<-s.ended
}

// literalHosts is the hosts that rules below t name in full.
func literalHosts(t *config.Target) []string {
	var hosts []string
	for _, host := range hostsOf(t, nil) {
		hosts = append(hosts, host.Value)
	}
	return hosts
}

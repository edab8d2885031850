package server

import (
	"crypto/tls"
	"log/slog"
	"sync"

	"httpmaster/internal/certs"
	"httpmaster/internal/middleware"
	"httpmaster/proxy"
)

// pool shares values between generations: two that ask for the same key get
// the same value, and it is closed when the last of them has gone.
type pool[K comparable, V any] struct {
	close func(V)

	mu      sync.Mutex
	entries map[K]*pooled[V]
}

type pooled[V any] struct {
	value V
	refs  int
}

// get gives the value for key, made by open when nobody has it yet, and a
// function that the caller calls once when it needs the value no more.
func (p *pool[K, V]) get(key K, open func() (V, error)) (V, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[key]
	if !ok {
		v, err := open()
		if err != nil {
			var none V
			return none, nil, err
		}
		if p.entries == nil {
			p.entries = make(map[K]*pooled[V])
		}
		e = &pooled[V]{value: v}
		p.entries[key] = e
	}
	e.refs++
	return e.value, func() { p.put(key, e) }, nil
}

func (p *pool[K, V]) put(key K, e *pooled[V]) {
	p.mu.Lock()
	e.refs--
	last := e.refs == 0
	if last {
		delete(p.entries, key)
	}
	p.mu.Unlock()
	if last {
		p.close(e.value)
	}
}

// resources is what generations share and what outlives each of them.
type resources struct {
	upstreams pool[proxy.UpstreamSettings, *proxy.Upstream]
	balancers pool[string, *proxy.Balancer] // by the settings' Key
	stores    pool[string, *runningStore]
	tickets   pool[string, *tls.Config] // keys of session tickets, by clientAuth.key
	passwords pool[string, *middleware.PasswordFile]
	tokens    pool[string, *proxy.TokenFile]
	tallies   pool[string, *tally] // by place.route
	logs      middleware.LogFiles
	acmes     acmeManagers
	dry       bool // nothing is made on the disk

	authorityOnce sync.Once
	localCA       *certs.Authority
	authorityErr  error
}

func newResources(log *slog.Logger) *resources {
	r := &resources{}
	r.logs.Log = log
	r.upstreams.close = (*proxy.Upstream).Close
	r.balancers.close = (*proxy.Balancer).Close
	r.stores.close = (*runningStore).close
	r.tickets.close = func(*tls.Config) {} // it serves nothing
	r.tallies.close = func(*tally) {}
	r.passwords.close = func(*middleware.PasswordFile) {} // it holds nothing open
	r.tokens.close = func(*proxy.TokenFile) {}            // nor does this
	return r
}

// authority opens the local certificate authority when the first port with
// selfSigned asks for it.
func (r *resources) authority() (*certs.Authority, error) {
	open := certs.OpenAuthority
	if r.dry {
		open = certs.PeekAuthority
	}
	r.authorityOnce.Do(func() { r.localCA, r.authorityErr = open("", nil) })
	return r.localCA, r.authorityErr
}

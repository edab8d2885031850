package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	acmeWorkers   = 5               // orders at a time
	acmePatience  = time.Minute     // for one answer of the authority
	handshakeWait = 8 * time.Second // for an order under way; net/http ends handshakes after 10 s
)

// ACME gets certificates from an authority that speaks ACME (RFC 8555) and
// renews them, for the names of SetNames and no others. A process needs one for
// each ACMESettings.Key, for as long as it runs: renewal timers of autocert
// cannot be stopped, but after Close they ask nobody for anything, and for a
// name that is no longer wanted they order nothing.
type ACME struct {
	authority string // for people: "Let's Encrypt", or a host
	folder    *acmeFolder
	client    *acme.Client
	manager   *autocert.Manager
	problems  caProblems
	log       *slog.Logger
	workers   chan struct{} // one entry for each order under way

	wanted  atomic.Pointer[map[string]*acmeName]
	covered atomic.Pointer[func(name string) bool]

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	base   *http.Transport

	mu      sync.Mutex // guards names, and SetNames against Close
	names   map[string]*acmeName
	running sync.WaitGroup
}

// OpenACME makes the folder and reads CAFile; its error is a *SettingError. It
// asks nobody for anything: that begins with SetNames.
func OpenACME(s ACMESettings) (*ACME, error) {
	if err := s.checkServer(); err != nil {
		return nil, err
	}
	trust, err := s.roots()
	if err != nil {
		return nil, err
	}
	folder, err := openFolder(s.folder())
	if err != nil {
		return nil, err
	}
	a := &ACME{
		authority: authorityName(s.directory()), folder: folder, log: s.Log,
		workers: make(chan struct{}, acmeWorkers), names: make(map[string]*acmeName),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.wanted.Store(&map[string]*acmeName{})
	a.base = http.DefaultTransport.(*http.Transport).Clone()
	a.base.TLSClientConfig = trust
	a.base.MaxConnsPerHost = acmeWorkers
	a.client = &acme.Client{
		DirectoryURL: s.directory(),
		UserAgent:    s.UserAgent,
		HTTPClient:   &http.Client{Transport: acmeTransport{a}, Timeout: acmePatience},
		RetryBackoff: retryBackoff,
	}
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS, // agreeTos is required of every config
		Cache:      acmeCache{a},
		Client:     a.client,
		Email:      s.Email,
		HostPolicy: a.hostPolicy,
	}
	return a, nil
}

// Paths gives the files and folders that must belong to the user the process is
// to run as from now on.
func (a *ACME) Paths() []string { return a.folder.paths() }

// Writable tells whether the process, with the rights it has now, can keep what
// it gets; its error is a *SettingError.
func (a *ACME) Writable() error { return checkFolder(a.folder.dir) }

// AllowHTTP makes the manager try HTTP-01 where TLS-ALPN-01 has failed: there
// is a plain port that calls AnswerHTTP.
func (a *ACME) AllowHTTP() {
	a.manager.HTTPHandler(http.NotFoundHandler()) // only for what the call itself does
}

// AnswerHTTP answers a request for a token of an order under way (HTTP-01, RFC
// 8555, section 8.3). Everything else, such as another ACME client's token, it
// leaves alone and gives false. It does not look at the Host header: the token
// alone says what is asked for.
func (a *ACME) AnswerHTTP(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.URL.Path, "/.well-known/acme-challenge/")
	if !ok || !validToken(token) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	answer, err := a.folder.get(token + "+http-01")
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(answer) // an authority that has left asks again
	return true
}

// ConfigForClient is for tls.Config.GetConfigForClient: it answers TLS-ALPN-01
// (RFC 8737), for which a client offers nothing but the protocol "acme-tls/1",
// and gives nil, the port's own config, for every other client. The port's own
// need not list that protocol, and may ask for client certificates.
func (a *ACME) ConfigForClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != acme.ALPNProto {
		return nil, nil
	}
	if (*a.wanted.Load())[sentName(hello.ServerName)] == nil {
		return nil, fmt.Errorf("an ACME validation for %q, which is not among the names to get certificates for", hello.ServerName)
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{acme.ALPNProto},
		GetCertificate: a.manager.GetCertificate,
	}, nil
}

// certificate gives the certificate for a name, nil if it is none of ours or
// there is none yet. While the first order is under way it waits a little: the
// clients that come right after the start are served as well.
func (a *ACME) certificate(ctx context.Context, name string) *tls.Certificate {
	n := (*a.wanted.Load())[name]
	if n == nil || !n.ready.Load() && !n.await(ctx) {
		return nil
	}
	cert, err := a.get(name)
	if err != nil {
		return nil
	}
	return cert
}

// any gives the certificate of any name, the first in order of the alphabet.
func (a *ACME) any() *tls.Certificate {
	first := ""
	for name, n := range *a.wanted.Load() {
		if n.ready.Load() && (first == "" || name < first) {
			first = name
		}
	}
	if first == "" {
		return nil
	}
	cert, _ := a.get(first) // nil with an error
	return cert
}

// get asks the manager, which has the certificate at hand unless it is the
// first time: then this blocks until the order has come to an end. What the
// manager makes of a client's hello is not wanted: it takes those that speak
// only TLS 1.3 for old ones without ECDSA, and would order a second
// certificate.
func (a *ACME) get(name string) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName:   name,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
}

// obtain gets the first certificate for a name: what the folder has, or a new
// one. The manager remembers a failed order for a minute, so that whether the
// authority can be reached at all is found out without it.
func (a *ACME) obtain(ctx context.Context, name string) error {
	if !a.folder.has(name) {
		if _, err := a.client.Discover(ctx); err != nil {
			return &unreachableError{err: err}
		}
	}
	_, err := a.get(name)
	var broken *url.Error
	if errors.As(err, &broken) && !errors.Is(err, errNotWanted) {
		return &unreachableError{err: err, held: true}
	}
	return err
}

func (a *ACME) hostPolicy(_ context.Context, host string) error {
	if (*a.wanted.Load())[host] == nil {
		return errNotWanted
	}
	return nil // acmeTransport looks closer
}

// acmeCache is the folder as autocert wants it.
type acmeCache struct{ a *ACME }

func (c acmeCache) Get(_ context.Context, key string) ([]byte, error) {
	data, err := c.a.folder.get(path.Base(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put stores what the manager has got, and tells of a certificate. One that
// cannot be written is served all the same: an error would make the manager
// order it again and again.
func (c acmeCache) Put(_ context.Context, key string, data []byte) error {
	err := c.a.folder.put(path.Base(key), data)
	if strings.Contains(key, "+") { // an account or a challenge
		return err
	}
	c.a.stored(key, data, err)
	return nil
}

func (c acmeCache) Delete(_ context.Context, key string) error {
	return c.a.folder.remove(path.Base(key))
}

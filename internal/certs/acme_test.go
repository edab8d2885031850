package certs

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"httpmaster/internal/certs/acmetest"
)

// The tests here run in a bubble with a clock of its own, so that months go by
// at once. There are no sockets in it: everything is a net.Pipe.

const acmeDay = 24 * time.Hour

// acmeWorld is an authority and a port that gets its certificates from it.
type acmeWorld struct {
	t     *testing.T
	ca    *acmetest.CA
	acme  *ACME
	store *Store
	log   *logLines
	dir   string

	down  atomic.Bool   // the authority does not answer
	slow  time.Duration // that a validation takes
	conns chan net.Conn // to the authority
	web   *http.Server  // the authority's
}

// inBubble runs test in a bubble of its own.
func inBubble(t *testing.T, test func(w *acmeWorld)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &acmeWorld{t: t, ca: acmetest.New(), log: &logLines{}, dir: dir, conns: make(chan net.Conn)}
		w.ca.DialTLS = w.dialTLS
		w.web = &http.Server{Handler: w.ca}
		go w.web.Serve(w)
		w.open(Options{})
		defer func() {
			w.close()
			time.Sleep(time.Hour) // whatever still sleeps wakes up and ends
			w.web.Close()
			if t.Failed() {
				t.Logf("log:\n%s", w.log)
			}
		}()
		test(w)
	})
}

// Accept, Close and Addr make w the authority's listener.
func (w *acmeWorld) Accept() (net.Conn, error) {
	if conn, ok := <-w.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (w *acmeWorld) Close() error   { close(w.conns); return nil }
func (w *acmeWorld) Addr() net.Addr { return &net.TCPAddr{} }

// open makes the manager and the store, as a new process does.
func (w *acmeWorld) open(o Options) {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(w.log, nil))
	a, err := OpenACME(ACMESettings{Dir: w.dir, Server: "https://ca.test/directory", UserAgent: "test", Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	a.base.DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
		if w.down.Load() {
			return nil, errors.New("connection refused")
		}
		ours, theirs := net.Pipe()
		w.conns <- theirs
		return ours, nil
	}
	o.ACME = a
	store, err := NewStore(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.acme, w.store = a, store
}

func (w *acmeWorld) close() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.acme.Close(ctx); err != nil {
		w.t.Errorf("Close: %v", err)
	}
}

// dialTLS connects to the port.
func (w *acmeWorld) dialTLS(ctx context.Context, _ string) (net.Conn, error) {
	time.Sleep(w.slow) // of the bubble's clock
	ours, theirs := net.Pipe()
	config := &tls.Config{
		GetCertificate: w.store.GetCertificate, GetConfigForClient: w.acme.ConfigForClient,
		SessionTicketsDisabled: true, // sending them would wait for a reader
	}
	go func() {
		defer theirs.Close()
		server := tls.Server(theirs, config)
		if server.Handshake() == nil {
			server.Read(make([]byte, 1)) // until the client leaves
		}
	}()
	return ours, nil
}

// dialHTTP connects to a plain port.
func (w *acmeWorld) dialHTTP(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		r, err := http.ReadRequest(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		answer := httptest.NewRecorder()
		if !w.acme.AnswerHTTP(answer, r) {
			answer.WriteHeader(http.StatusNotFound)
		}
		answer.Result().Write(theirs)
	}()
	return ours, nil
}

// visit is a client that asks for name and trusts the authority only.
func (w *acmeWorld) visit(name string) (*x509.Certificate, error) {
	return w.visitWith(&tls.Config{ServerName: name, RootCAs: w.ca.Pool()})
}

func (w *acmeWorld) visitWith(config *tls.Config) (*x509.Certificate, error) {
	conn, err := w.dialTLS(context.Background(), "")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := tls.Client(conn, config)
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

// serves expects a valid certificate for name.
func (w *acmeWorld) serves(name string) *x509.Certificate {
	w.t.Helper()
	cert, err := w.visit(name)
	if err != nil {
		w.t.Fatalf("after %v: %s: %v", since2000(), name, err)
	}
	return cert
}

// ordered expects so many orders since the beginning.
func (w *acmeWorld) ordered(names ...string) {
	w.t.Helper()
	if got := w.ca.Ordered(); !slices.Equal(got, names) {
		w.t.Errorf("after %v: ordered %q, want %q", since2000(), got, names)
	}
}

// since2000 is the age of a bubble.
func since2000() time.Duration {
	return time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
}

// logLines is what was logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

// count counts the lines with text.
func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// never is a folder without certificates.
func never(string) bool { return false }

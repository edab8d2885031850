package certs

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// responder is an OCSP responder of an authority.
type responder struct {
	*httptest.Server

	mu     sync.Mutex
	asked  int
	answer func(question *ocsp.Request) []byte // nil: 500
}

func newResponder(t *testing.T) *responder {
	r := new(responder)
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *responder) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	question, parseErr := ocsp.ParseRequest(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if err != nil || parseErr != nil || request.Header.Get("Content-Type") != "application/ocsp-request" || r.answer == nil {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	w.Write(r.answer(question))
}

func (r *responder) set(answer func(*ocsp.Request) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// questions gives how often it was asked since the last time.
func (r *responder) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.asked = 0 }()
	return r.asked
}

// said makes an answer of p's, from begin to end, seen from now.
func said(p *pair, status int, now time.Time, begin, end time.Duration) func(*ocsp.Request) []byte {
	return func(q *ocsp.Request) []byte {
		return sealed(p, p, ocsp.Response{Status: status, SerialNumber: q.SerialNumber, ThisUpdate: now.Add(begin), NextUpdate: now.Add(end)})
	}
}

// sealed makes an answer for issuer, signed by another if that is another one.
func sealed(issuer, by *pair, r ocsp.Response) []byte {
	if by != issuer {
		r.Certificate = by.cert
	}
	r.IssuerHash = crypto.SHA1
	return must(ocsp.CreateResponse(issuer.cert, by.cert, r, by.key))
}

func TestAskOCSP(t *testing.T) {
	a, stranger := newAuthority(t, "one"), newAuthority(t, "one")
	r := newResponder(t)
	p := a.sub.issue(t, template{names: []string{"a.test"}, ocsp: r.URL})
	ca, now := a.sub, time.Now()
	forOCSP := template{cn: "responder", usage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
	outdated := forOCSP
	outdated.days = -1
	by := func(signer *pair) func(*ocsp.Request) []byte {
		return func(q *ocsp.Request) []byte {
			return sealed(ca, signer, ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(*ocsp.Request) []byte
		want   string // the beginning of the error
	}{
		{"good", said(ca, ocsp.Good, now, -time.Hour, time.Hour), ""},
		{"good, with the issuer's certificate", func(q *ocsp.Request) []byte {
			return sealed(ca, ca, ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour), Certificate: ca.cert})
		}, ""},
		{"good, by a delegate", by(ca.issue(t, forOCSP)), ""},
		{"by a certificate for servers", by(ca.issue(t, template{names: []string{"evil.test"}})), "the answer is signed by a certificate that is not for it"},
		{"by an outdated delegate", by(ca.issue(t, outdated)), "the answer is signed by a certificate that is not for it"},
		{"by a stranger", by(stranger.sub.issue(t, forOCSP)), "the answer is signed by a stranger"},
		{"by another of the same name", said(stranger.sub, ocsp.Good, now, 0, time.Hour), "the answer is not signed by the issuer: "},
		{"revoked", said(ca, ocsp.Revoked, now, 0, time.Hour), "its issuer has revoked it: clients refuse it, get a new one"},
		{"unknown", said(ca, ocsp.Unknown, now, 0, time.Hour), "the responder does not know the certificate"},
		{"old", said(ca, ocsp.Good, now, -2*time.Hour, -time.Hour), "the answer is out of date"},
		{"from the future", said(ca, ocsp.Good, now, time.Hour, 2*time.Hour), "the answer is from the future: is this machine's clock right?"},
		{"without an end", func(q *ocsp.Request) []byte {
			return sealed(ca, ca, ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now})
		}, "the answer is out of date"},
		{"about another certificate", func(*ocsp.Request) []byte {
			return sealed(ca, ca, ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
		}, "no response matching the supplied certificate"},
		{"try later", func(*ocsp.Request) []byte { return ocsp.TryLaterErrorResponse }, "ocsp: error from server: try later"},
		{"not OCSP", func(*ocsp.Request) []byte { return []byte("<html>") }, "asn1: "},
		{"too large", func(*ocsp.Request) []byte { return make([]byte, ocspMaxSize+1) }, "the answer of " + r.URL + " is too large"},
		{"an error", nil, r.URL + " answers 500 Internal Server Error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.set(tt.answer)
			proof, err := askOCSP(t.Context(), newStapler().client, p.cert, ca.cert, now)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
				if !proof.end.Equal(now.Add(time.Hour).UTC().Truncate(time.Second)) || len(proof.response) == 0 {
					t.Errorf("%d bytes until %v", len(proof.response), proof.end)
				}
			case err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "OCSP: "), tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMustStapleNotices(t *testing.T) {
	a := newAuthority(t, "one")
	must := []pkix.Extension{{Id: tlsFeature, Value: must(asn1.Marshal([]int{17, statusRequest}))}}
	for _, tt := range []struct {
		name     string
		template template
		want     string
	}{
		{"neither", template{}, ""},
		{"a responder", template{ocsp: "http://ocsp.test"}, ""},
		{"another feature", template{extra: []pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 3, 2, 1, 17}}}}, ""},
		{"damaged", template{extra: []pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 3}}}}, ""},
		{"both", template{ocsp: "http://ocsp.test", extra: must}, "(minor) c.pem: certificate for a.test: asks clients to refuse it without a stapled OCSP answer (must-staple), which the server fetches from http://ocsp.test"},
		{"no responder", template{extra: must}, "c.pem: certificate for a.test: asks clients to refuse it without a stapled OCSP answer (must-staple), but names no responder to get one from; get a certificate without that"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.template.names = []string{"a.test"}
			dir := t.TempDir()
			write(t, dir, append(pairFiles(a.sub.issue(t, tt.template)), "chain.pem", certPEM(a.sub, a.root))...)
			if got := strings.Join(noticeLines(scanned(t, dir)), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// wantStaple checks that a client gets a good answer stapled, or with good false
// that it gets none.
func wantStaple(t *testing.T, s *Store, a *authority, good bool) {
	t.Helper()
	state, err := shakeHands(t, s, &tls.Config{ServerName: "a.test"})
	if err != nil {
		t.Fatal(err)
	}
	if (len(state.OCSPResponse) > 0) != good {
		t.Fatalf("%d bytes are stapled, wanted some: %v", len(state.OCSPResponse), good)
	}
	if good {
		if r, err := ocsp.ParseResponseForCert(state.OCSPResponse, state.PeerCertificates[0], a.sub.cert); err != nil || r.Status != ocsp.Good {
			t.Errorf("the staple: %+v, %v", r, err)
		}
	}
}

// The life of a staple: fetched, kept over changes of the folder, renewed at
// half its time, kept while the responder is down, taken away at its end.
func TestStaple(t *testing.T) {
	a := newAuthority(t, "one")
	r := newResponder(t)
	p := a.sub.issue(t, template{names: []string{"a.test"}, ocsp: r.URL})
	dir := t.TempDir()
	write(t, dir, "c.pem", certPEM(p, a.sub, a.root)+keyPEM(p))
	clock, log := new(clock), new(lines)
	s := newStore(t, Options{Dir: dir, Log: log.logger(), Now: clock.now})
	wantStaple(t, s, a, false)

	const day = dayLong
	r.set(said(a.sub, ocsp.Good, clock.now(), 0, 4*day))
	s.restaple(t.Context())
	wantStaple(t, s, a, true)

	write(t, dir, "note", "unrelated")
	settle(s)
	wantStaple(t, s, a, true)
	clock.pass(2*day - time.Hour)
	if next := s.restaple(t.Context()); next > time.Hour {
		t.Errorf("the next question is in %v, want half of 4 days after the first", next)
	}
	if got := r.questions(); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}

	r.set(nil)
	clock.pass(time.Hour)
	if next := s.restaple(t.Context()); next > stapleMinPause {
		t.Errorf("after a failure the next question is in %v", next)
	}
	for range 40 { // each failure is silent but the first, and asked for less and less
		clock.pass(10 * time.Minute)
		s.restaple(t.Context())
	}
	wantStaple(t, s, a, true)
	if got := r.questions(); got < 6 || got > 15 {
		t.Errorf("asked %d times in seven hours", got)
	}
	wantLines(t, log, fmt.Sprintf(`level=INFO msg="no OCSP answer to staple, clients are served without it" names=a.test file=%s/c.pem responder=%s err="%s answers 500 Internal Server Error"`, dir, r.URL, r.URL))

	clock.pass(2 * day)
	s.restaple(t.Context())
	wantStaple(t, s, a, false)

	r.set(said(a.sub, ocsp.Good, clock.now(), 0, 4*day))
	clock.pass(stapleMaxPause)
	s.restaple(t.Context())
	wantStaple(t, s, a, true)
	r.set(said(a.sub, ocsp.Revoked, clock.now(), 0, 4*day))
	clock.pass(3 * day)
	s.restaple(t.Context())
	wantStaple(t, s, a, false)
	wantLines(t, log, fmt.Sprintf(`level=WARN msg="certificate revoked" names=a.test file=%s/c.pem responder=%s err="its issuer has revoked it: clients refuse it, get a new one"`, dir, r.URL))

	remove(t, dir, "c.pem")
	settle(s)
	s.restaple(t.Context())
	if len(s.stapler.known) != 0 {
		t.Error("what was known about a removed certificate is kept")
	}
}

// Of a pair its issuer is found as well.
func TestStapleOfPair(t *testing.T) {
	a := newAuthority(t, "one")
	r := newResponder(t)
	p := a.sub.issue(t, template{names: []string{"a.test"}, ocsp: r.URL})
	dir := t.TempDir()
	write(t, dir, "c", certPEM(p), "k", keyPEM(p), "ca", certPEM(a.sub))
	s := newStore(t, Options{Pairs: []Pair{{Cert: dir + "/c", Key: dir + "/k", CA: []string{dir + "/ca"}}}})
	r.set(said(a.sub, ocsp.Good, time.Now(), 0, dayLong))
	s.restaple(t.Context())
	wantStaple(t, s, a, true)
}

// No handshake waits for a responder, and Run ends although one hangs.
func TestHangingResponder(t *testing.T) {
	a := newAuthority(t, "one")
	r := newResponder(t)
	asked, hang := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(asked) })
	r.set(func(*ocsp.Request) []byte { once(); <-hang; return nil })
	defer close(hang)
	p := a.sub.issue(t, template{names: []string{"a.test"}, ocsp: r.URL})
	dir := t.TempDir()
	write(t, dir, "c.pem", certPEM(p, a.sub)+keyPEM(p))
	s := newStore(t, Options{Dir: dir})
	stop := run(t, s)
	<-asked
	wantStaple(t, s, a, false)
	next := a.sub.issue(t, template{names: []string{"a.test"}, days: 70})
	write(t, dir, "c.pem", certPEM(next, a.sub)+keyPEM(next))
	eventually(t, "the new certificate is served", func() bool { return served(t, s, "a.test").Equal(next.cert) })
	stop()
}

// Run fetches by itself, at the start and for what comes later.
func TestRunStaples(t *testing.T) {
	a := newAuthority(t, "one")
	r := newResponder(t)
	r.set(said(a.sub, ocsp.Good, time.Now(), 0, dayLong))
	dir := t.TempDir()
	s := newStore(t, Options{Dir: dir, Interval: time.Millisecond})
	run(t, s)
	for _, days := range []int{30, 40} {
		p := a.sub.issue(t, template{names: []string{"a.test"}, days: days, ocsp: r.URL})
		write(t, dir, "c.pem", certPEM(p, a.sub)+keyPEM(p))
		eventually(t, "a staple", func() bool {
			state, err := shakeHands(t, s, &tls.Config{ServerName: "a.test"})
			return err == nil && len(state.OCSPResponse) > 0 && bytes.Equal(state.PeerCertificates[0].Raw, p.cert.Raw)
		})
	}
}

// Package acmetest has an ACME certificate authority (RFC 8555) for tests. It
// has no rate limits and one kind of account key, but its validation is real:
// it connects back to the server that has asked, by HTTP-01 or TLS-ALPN-01.
//
//	ca := acmetest.New()
//	ca.DialHTTP = func(ctx context.Context, host string) (net.Conn, error) { ... }
//	server := httptest.NewTLSServer(ca)
package acmetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Problem is what the authority answers instead of a certificate (RFC 8555,
// section 6.7).
type Problem struct {
	Type       string `json:"type"` // such as "urn:ietf:params:acme:error:dns"
	Detail     string `json:"detail"`
	Status     int    `json:"-"` // of the answer
	RetryAfter string `json:"-"` // header; "" for none
}

// CA is the authority, an http.Handler for its directory (at every path that
// is no other's) and all behind it. Set the fields before its first request.
type CA struct {
	Validity time.Duration // of what it issues; 0 means 90 days

	// DialHTTP and DialTLS connect to a host's ports 80 and 443. nil means
	// that nobody can be reached there.
	DialHTTP, DialTLS func(ctx context.Context, host string) (net.Conn, error)

	key  *ecdsa.PrivateKey
	root *x509.Certificate

	mu       sync.Mutex
	last     int // number of the last object made
	nonces   map[string]bool
	accounts map[string]*ecdsa.PublicKey // by URL
	orders   map[string]*order           // by number
	ordered  []string
	methods  []string
	refused  map[string]Problem
	agents   map[string]bool
}

// order has one authorization, as it is for one name.
type order struct {
	name       string
	token      string
	status     string // of the order
	authorized string // status of the authorization
	failed     map[string]*Problem
	chain      []byte
}

// New makes an authority with a root of its own.
func New() *CA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	ca := &CA{
		key: key, nonces: make(map[string]bool), accounts: make(map[string]*ecdsa.PublicKey),
		orders: make(map[string]*order), refused: make(map[string]Problem), agents: make(map[string]bool),
	}
	ca.root = ca.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "acmetest root"}, NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &key.PublicKey)
	return ca
}

// Pool trusts what the authority issues.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}

// Refuse makes orders for name fail with p; a zero p makes them succeed again.
func (ca *CA) Refuse(name string, p Problem) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.refused[name] = p
}

// Ordered gives the name of each order so far.
func (ca *CA) Ordered() []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return append([]string(nil), ca.ordered...)
}

// Validated gives the challenge type of each successful validation so far.
func (ca *CA) Validated() []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return append([]string(nil), ca.methods...)
}

// Agents tells which User-Agent values have been seen.
func (ca *CA) Agents() (agents []string) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	for agent := range ca.agents {
		agents = append(agents, agent)
	}
	return agents
}

// ServeHTTP answers ACME requests.
func (ca *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.agents[r.UserAgent()] = true
	base := "https://" + r.Host
	w.Header().Set("Replay-Nonce", ca.nonce())
	if r.Method != http.MethodPost {
		if r.URL.Path != "/nonce" {
			reply(w, http.StatusOK, map[string]string{
				"newNonce": base + "/nonce", "newAccount": base + "/account", "newOrder": base + "/order",
			})
		}
		return
	}
	request, err := ca.open(r, base)
	if err != nil {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: err.Error(), Status: http.StatusBadRequest})
		return
	}
	kind, number, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "account":
		w.Header().Set("Location", request.account)
		reply(w, http.StatusCreated, map[string]string{"status": "valid"})
	case "order":
		ca.order(w, base, number, request.payload)
	case "authorization":
		ca.authorization(w, base, number, request.payload)
	case "challenge":
		number, method, _ := strings.Cut(number, "/")
		ca.challenge(w, base, number, method, request.key)
	case "finalize":
		ca.finalize(w, base, number, request.payload)
	case "certificate":
		if o := ca.orders[number]; o != nil {
			_, _ = w.Write(o.chain) // the client may have gone
		}
	default:
		http.NotFound(w, r)
	}
}

// order makes an order, or shows one.
func (ca *CA) order(w http.ResponseWriter, base, number string, payload []byte) {
	status := http.StatusOK
	if number == "" {
		var asked struct{ Identifiers []struct{ Value string } }
		if err := json.Unmarshal(payload, &asked); err != nil || len(asked.Identifiers) != 1 {
			refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: "one name, please", Status: http.StatusBadRequest})
			return
		}
		name := asked.Identifiers[0].Value
		ca.ordered = append(ca.ordered, name)
		if p := ca.refused[name]; p.Detail != "" {
			refuse(w, p)
			return
		}
		number, status = ca.number(), http.StatusCreated
		ca.orders[number] = &order{
			name: name, token: rand.Text(), status: "pending", authorized: "pending",
			failed: make(map[string]*Problem),
		}
		w.Header().Set("Location", base+"/order/"+number)
	}
	o := ca.orders[number]
	if o == nil {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: "no such order", Status: http.StatusNotFound})
		return
	}
	reply(w, status, map[string]any{
		"status": o.status, "identifiers": []any{o.identifier()},
		"authorizations": []string{base + "/authorization/" + number},
		"finalize":       base + "/finalize/" + number, "certificate": base + "/certificate/" + number,
	})
}

func (o *order) identifier() map[string]string {
	return map[string]string{"type": "dns", "value": o.name}
}

// authorization shows an authorization, or deactivates it.
func (ca *CA) authorization(w http.ResponseWriter, base, number string, payload []byte) {
	o := ca.orders[number]
	if o == nil {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: "no such authorization", Status: http.StatusNotFound})
		return
	}
	if len(payload) > 0 && o.authorized == "pending" {
		o.authorized, o.status = "deactivated", "invalid"
	}
	var challenges []any
	for _, method := range []string{"http-01", "tls-alpn-01"} {
		challenges = append(challenges, o.challenge(base, number, method))
	}
	reply(w, http.StatusOK, map[string]any{
		"status": o.authorized, "identifier": o.identifier(), "challenges": challenges,
	})
}

func (o *order) challenge(base, number, method string) map[string]any {
	c := map[string]any{"type": method, "token": o.token, "status": "pending", "url": base + "/challenge/" + number + "/" + method}
	if p := o.failed[method]; p != nil {
		c["status"], c["error"] = "invalid", p
	}
	return c
}

// challenge validates. The answer waits for it, which is allowed, and makes
// tests quick.
func (ca *CA) challenge(w http.ResponseWriter, base, number, method string, key *ecdsa.PublicKey) {
	o := ca.orders[number]
	if o == nil || o.authorized != "pending" {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: "not to be validated", Status: http.StatusBadRequest})
		return
	}
	ca.mu.Unlock()
	err := ca.validate(o, method, o.token+"."+thumbprint(key))
	ca.mu.Lock()
	if err != nil {
		kind := "urn:ietf:params:acme:error:unauthorized"
		var netError net.Error
		if errors.As(err, &netError) {
			kind = "urn:ietf:params:acme:error:connection"
		}
		o.authorized, o.status = "invalid", "invalid"
		o.failed[method] = &Problem{Type: kind, Detail: err.Error()}
	} else {
		o.authorized, o.status = "valid", "ready"
		ca.methods = append(ca.methods, method)
	}
	reply(w, http.StatusOK, o.challenge(base, number, method))
}

func (ca *CA) finalize(w http.ResponseWriter, base, number string, payload []byte) {
	o := ca.orders[number]
	if o == nil || o.status != "ready" {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:orderNotReady", Detail: "not ready", Status: http.StatusForbidden})
		return
	}
	var asked struct{ CSR string }
	if err := json.Unmarshal(payload, &asked); err != nil {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:malformed", Detail: err.Error(), Status: http.StatusBadRequest})
		return
	}
	chain, err := ca.issue(o.name, asked.CSR)
	if err != nil {
		refuse(w, Problem{Type: "urn:ietf:params:acme:error:badCSR", Detail: err.Error(), Status: http.StatusBadRequest})
		return
	}
	o.chain, o.status = chain, "valid"
	ca.order(w, base, number, nil)
}

func (ca *CA) number() string {
	ca.last++
	return strconv.Itoa(ca.last)
}

func (ca *CA) nonce() string {
	nonce := rand.Text()
	ca.nonces[nonce] = true
	return nonce
}

func reply(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // the client may have gone
}

func refuse(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.RetryAfter != "" {
		w.Header().Set("Retry-After", p.RetryAfter)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // as above
}

// sign makes a certificate; the root signs itself.
func (ca *CA) sign(template *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	parent := ca.root
	if parent == nil {
		parent = template
	}
	template.SerialNumber = new(big.Int).SetBytes([]byte(rand.Text())[:16])
	template.NotBefore = time.Now().Add(-time.Second)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, ca.key)
	if err != nil {
		panic(err) // the template is at fault
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

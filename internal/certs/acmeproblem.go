package certs

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	// Let's Encrypt lets a name fail five times an hour, and gives one back
	// every 12 minutes. An order that tries both challenges fails twice.
	refusedFirst, refusedMost = 10 * time.Minute, 24 * time.Hour
	// An authority that is only down costs nothing.
	unreachableFirst, unreachableMost = 2 * time.Second, time.Hour

	maxRetryAfter = 7 * 24 * time.Hour
)

var (
	errNotWanted  = errors.New("no certificate is wanted for this name any more")
	errNotRenewed = errors.New("no reason is known")
)

// unreachableError is that the authority did not answer at all.
type unreachableError struct {
	err  error
	held bool // autocert has taken notice, and repeats it for a while
}

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }

// caProblem is what an authority says about an order (RFC 8555, section 6.7).
type caProblem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`

	challenge  string        // that has failed; "" when it is about the order
	status     int           // of the answer; 0 when it is about a challenge
	retryAfter time.Duration // 0 when the authority did not say
}

// caProblems remembers what the authority has said about each name since its last
// success: autocert drops the reason for which a challenge has failed, and
// tells nobody how a renewal went.
type caProblems struct {
	mu     sync.Mutex
	byName map[string][]caProblem // "" is for what is about no name
	broken error                  // why the last request got no answer; nil when it got one
}

// add remembers p in the place of an earlier one about the same challenge.
func (ps *caProblems) add(name string, p caProblem) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.byName == nil {
		ps.byName = make(map[string][]caProblem)
	}
	list := ps.byName[name]
	for i := range list {
		if list[i].challenge == p.challenge {
			list[i] = p
			return
		}
	}
	ps.byName[name] = append(list, p)
}

// failure is why there is no certificate for name: what the authority has said
// about it, or else err.
func (ps *caProblems) failure(name string, err error) caFailure {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	said := ps.byName[name]
	var refused *acme.Error
	if len(said) == 0 && (err == errNotRenewed || errors.As(err, &refused)) {
		said = ps.byName[""]
	}
	if err == errNotRenewed && ps.broken != nil {
		err = &unreachableError{err: ps.broken}
	}
	return caFailure{said: slices.Clone(said), err: err}
}

// forget drops what was said about name, for a fresh start.
func (ps *caProblems) forget(name string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.byName, name)
}

// succeeded drops what was said about name and about nothing in particular.
func (ps *caProblems) succeeded(name string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.byName, name)
	delete(ps.byName, "")
}

// reached notes whether the authority has answered at all.
func (ps *caProblems) reached(err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.broken = err
}

type caFailure struct {
	said []caProblem
	err  error
}

// unreachable gives the error of an authority that did not answer, else nil.
func (f caFailure) unreachable() *unreachableError {
	var unreachable *unreachableError
	errors.As(f.err, &unreachable)
	return unreachable
}

// text is for the log: the authority's own words, and what to do.
func (f caFailure) text(authority string) string {
	if len(f.said) == 0 {
		if f.unreachable() != nil {
			return fmt.Sprintf("%s cannot be reached: %v", authority, f.err)
		}
		return f.err.Error()
	}
	var words, advice []string
	for _, p := range f.said {
		word := oneLine(p.Detail)
		if p.challenge != "" {
			word = p.challenge + ": " + word
		}
		words = append(words, word)
		if a := p.advice(); a != "" && (len(advice) == 0 || advice[0] != a) {
			advice = append(advice, a)
		}
	}
	text := fmt.Sprintf("%s says %q", authority, strings.Join(words, "; "))
	if len(advice) > 0 {
		text += " (" + strings.Join(advice, "; ") + ")"
	}
	return text
}

// wait is the time until the next try after so many failures before this one.
func (f caFailure) wait(failures int) time.Duration {
	first, most := refusedFirst, refusedMost
	if f.authorityDown() {
		first, most = unreachableFirst, unreachableMost
	}
	wait := most
	if failures < 16 {
		wait = min(first<<failures, most)
	}
	return spread(max(wait, f.least()))
}

// least is the time that even an impatient operator has to wait.
func (f caFailure) least() time.Duration {
	least := time.Duration(0)
	if u := f.unreachable(); u == nil || u.held {
		least = acmeForgets
	}
	for _, p := range f.said {
		least = max(least, p.retryAfter)
	}
	return least
}

// authorityDown tells whether the fault is the authority's, or the way's to it.
func (f caFailure) authorityDown() bool {
	for _, p := range f.said {
		if p.status < 500 {
			return false
		}
	}
	return len(f.said) > 0 || f.unreachable() != nil
}

// advice says what an operator can do about p.
func (p caProblem) advice() string {
	_, kind, _ := strings.Cut(p.Type, "urn:ietf:params:acme:error:")
	switch kind {
	case "connection":
		return "the authority must be able to reach this server under that name: port 80 for http-01, port 443 for tls-alpn-01"
	case "dns":
		return "the name needs a DNS record that points to this server"
	case "unauthorized", "incorrectResponse", "tls":
		return "does the name's DNS record, AAAA included, point to this server?"
	case "caa":
		return "the name's CAA record must allow this authority"
	case "rejectedIdentifier":
		return "this authority gives no certificate for this name: remove it, or put one into certDir"
	}
	return ""
}

// retryAfter reads the header (RFC 9110, section 10.2.3).
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// oneLine makes text of others fit for a line of the log.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}

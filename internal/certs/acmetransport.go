package certs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	maxACMEAnswer = 2 << 20
	maxACMERetry  = 5
)

// acmeTransport stands between autocert and the authority, for what autocert
// does not offer: its renewals, which run on timers of its own, order nothing
// for names that are not wanted any more or after Close; and what the authority
// says about a name is kept.
type acmeTransport struct{ a *ACME }

// RoundTrip gives answers whose bodies have been read.
func (t acmeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	a := t.a
	if a.ctx.Err() != nil {
		return nil, errNotWanted
	}
	name := orderedName(r)
	if name != "" && !a.mayOrder(name) {
		return nil, errNotWanted
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	res, err := a.base.RoundTrip(r.WithContext(ctx))
	if a.ctx.Err() == nil {
		a.problems.reached(err)
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxACMEAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", r.URL.Host, err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	a.problems.note(name, res, body)
	return res, nil
}

// orderedName gives the name that a request orders a certificate for (RFC 8555,
// section 7.4), "" for requests of other kinds.
func orderedName(r *http.Request) string {
	if r.GetBody == nil {
		return ""
	}
	body, err := r.GetBody()
	if err != nil {
		return ""
	}
	var signed struct{ Payload string }
	if json.NewDecoder(body).Decode(&signed) != nil {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err != nil {
		return ""
	}
	var order struct{ Identifiers []struct{ Value string } }
	if json.Unmarshal(payload, &order) != nil || len(order.Identifiers) == 0 {
		return ""
	}
	return order.Identifiers[0].Value
}

// note remembers what an answer says about a name: that a request was refused,
// or that an order or a challenge has failed (RFC 8555, sections 7.1.3, 7.1.4).
func (ps *caProblems) note(name string, res *http.Response, body []byte) {
	if res.StatusCode >= 400 {
		p := caProblem{status: res.StatusCode, retryAfter: retryAfter(res.Header)}
		if json.Unmarshal(body, &p) != nil || p.Detail == "" {
			p.Detail = res.Status
		}
		if !strings.HasSuffix(p.Type, ":badNonce") { // which is tried again
			ps.add(name, p)
		}
		return
	}
	var object struct {
		Identifiers []struct{ Value string } // of an order
		Error       *caProblem
		Identifier  struct{ Value string } // of an authorization
		Challenges  []struct {
			Type  string
			Error *caProblem
		}
	}
	if json.Unmarshal(body, &object) != nil {
		return
	}
	if object.Error != nil && len(object.Identifiers) > 0 {
		ps.add(object.Identifiers[0].Value, *object.Error)
	}
	for _, c := range object.Challenges {
		if c.Error != nil {
			c.Error.challenge = c.Type
			ps.add(object.Identifier.Value, *c.Error)
		}
	}
}

// retryBackoff is acme.Client.RetryBackoff: a request whose nonce has become
// old, or that met a short fault of the authority, is tried again soon. A limit
// (429) is for the whole order to wait out, not for its requests.
func retryBackoff(n int, _ *http.Request, res *http.Response) time.Duration {
	if n > maxACMERetry || res.StatusCode == http.StatusTooManyRequests {
		return 0
	}
	return spread(min(100*time.Millisecond<<n, time.Second))
}

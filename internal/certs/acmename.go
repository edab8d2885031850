package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// autocert forgets a failed order after a minute; until then it only
	// repeats that it has failed.
	acmeForgets = 61 * time.Second

	coveredInterval = time.Minute // between looks whether a folder still has the name
	renewalNotice   = 24 * time.Hour
)

// acmeName is a name that a certificate is wanted for, or was.
type acmeName struct {
	name  string
	ready atomic.Bool   // the manager has a certificate
	hurry chan struct{} // a reload: try again now, as far as the authority allows

	issued, renewed, failed atomic.Int64 // orders, by how they went

	mu     sync.Mutex
	stop   context.CancelFunc // ends the goroutine that looks after the name; nil without one
	flight chan struct{}      // closed when the order under way, or waiting, has ended; nil without one
}

// SetNames says for which names certificates are wanted from now on: in
// the form that PublicName gives. Those for which
// covered says that there is another certificate are not ordered. It returns at
// once; orders run in the background, a few at a time. Names that failed before
// are tried again. No names end everything but what is under way.
func (a *ACME) SetNames(names []string, covered func(name string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		return
	}
	wanted := make(map[string]*acmeName, len(names))
	for _, name := range names {
		n := a.names[name]
		if n == nil {
			n = &acmeName{name: name, hurry: make(chan struct{}, 1)}
			a.names[name] = n
		}
		wanted[name] = n
	}
	a.covered.Store(&covered)
	a.wanted.Store(&wanted)
	for name, n := range a.names {
		if wanted[name] == nil {
			n.end()
		} else {
			n.begin(a)
		}
	}
}

// Close ends what is under way, as far as autocert can be made to, and waits
// for it until ctx is done.
func (a *ACME) Close(ctx context.Context) error {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.base.CloseIdleConnections()
	return nil
}

// mayOrder tells whether a certificate for name may be asked for.
func (a *ACME) mayOrder(name string) bool {
	return a.ctx.Err() == nil && (*a.wanted.Load())[name] != nil && !a.isCovered(name)
}

func (a *ACME) isCovered(name string) bool {
	covered := a.covered.Load()
	return covered != nil && *covered != nil && (*covered)(name)
}

// begin starts the goroutine that looks after n, or tells it to hurry.
func (n *acmeName) begin(a *ACME) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		select {
		case n.hurry <- struct{}{}:
		default:
		}
		return
	}
	ctx, cancel := context.WithCancel(a.ctx)
	n.stop = cancel
	if !n.ready.Load() {
		n.takeOff()
	}
	a.running.Go(func() {
		defer cancel()
		defer n.land()
		a.keep(ctx, n)
	})
}

func (n *acmeName) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		n.stop()
		n.stop = nil
	}
}

// keep gets the first certificate for n, and then watches that it is renewed,
// until ctx ends.
func (a *ACME) keep(ctx context.Context, n *acmeName) {
	told := false
	for failures := 0; ctx.Err() == nil && !n.ready.Load(); {
		if a.isCovered(n.name) {
			if !told {
				a.log.Info(fmt.Sprintf("%s has a certificate in certDir, none is ordered", n.name))
				told = true
			}
			n.land()
			n.pause(ctx, coveredInterval, 0)
			continue
		}
		err := a.order(ctx, n)
		if err == nil || ctx.Err() != nil || errors.Is(err, errNotWanted) {
			continue
		}
		n.failed.Add(1)
		failure := a.problems.failure(n.name, err)
		wait := failure.wait(failures)
		failures++
		a.log.Warn(fmt.Sprintf("no certificate for %s yet: %s; tried again in %s", n.name, failure.text(a.authority), roughly(wait)))
		n.pause(ctx, wait, failure.least())
	}
	for ctx.Err() == nil {
		n.pause(ctx, a.watchRenewal(n), 0)
	}
}

// order waits for a place among the workers and gets the certificate.
func (a *ACME) order(ctx context.Context, n *acmeName) error {
	n.mu.Lock()
	n.takeOff()
	n.mu.Unlock()
	defer n.land()
	select {
	case a.workers <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.workers }()
	a.problems.forget(n.name)
	err := a.obtain(ctx, n.name)
	if err == nil {
		n.ready.Store(true)
	}
	return err
}

// takeOff marks an order as under way. The caller holds n.mu.
func (n *acmeName) takeOff() {
	if n.flight == nil {
		n.flight = make(chan struct{})
	}
}

// land lets those go on who wait for an order.
func (n *acmeName) land() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.flight != nil {
		close(n.flight)
		n.flight = nil
	}
}

// await waits a little for an order under way and tells whether there is a
// certificate now. A nil ctx is that of a hello made by hand.
func (n *acmeName) await(ctx context.Context) bool {
	n.mu.Lock()
	flight := n.flight
	n.mu.Unlock()
	if flight == nil {
		return n.ready.Load()
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeWait)
	defer cancel()
	select {
	case <-flight:
	case <-ctx.Done():
	}
	return n.ready.Load()
}

// pause waits for wait, or when told to hurry only for least.
func (n *acmeName) pause(ctx context.Context, wait, least time.Duration) {
	select { // hurry that was made before counts for what comes after
	case <-n.hurry:
	default:
	}
	began := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-n.hurry:
			timer.Reset(max(0, min(wait, least)-time.Since(began)))
		}
	}
}

// watchRenewal complains about a certificate that should have been renewed, and
// gives the time until the next look.
func (a *ACME) watchRenewal(n *acmeName) time.Duration {
	cert, err := a.get(n.name)
	if err != nil { // it is covered now
		return coveredInterval
	}
	late := time.Until(renewalIsLate(cert))
	if late > 0 {
		return late
	}
	n.failed.Add(1)
	failure := a.problems.failure(n.name, errNotRenewed)
	a.log.Warn(fmt.Sprintf("the certificate for %s has not been renewed: %s; it is tried again every hour, the certificate ends %s",
		n.name, failure.text(a.authority), moment(cert.Leaf.NotAfter)))
	return renewalNotice
}

// renewalIsLate gives the time at which autocert has certainly tried to renew
// cert: it does so before the last third of its life or the last 30 days, a
// random part of the first hour or tenth of that later.
func renewalIsLate(cert *tls.Certificate) time.Time {
	rest := min(cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/3, 30*24*time.Hour)
	allowance := min(rest/10, time.Hour) + min(rest/3, 15*time.Minute)
	return cert.Leaf.NotAfter.Add(allowance - rest)
}

// stored tells of a certificate that the manager has got; err is why it could
// not be written.
func (a *ACME) stored(name string, data []byte, err error) {
	a.problems.succeeded(name)
	pair, parseErr := tls.X509KeyPair(data, data)
	if parseErr != nil {
		return // the manager has looked at it already
	}
	what := "issued"
	switch n := (*a.wanted.Load())[name]; {
	case n == nil:
	case n.ready.Load():
		what = "renewed"
		n.renewed.Add(1)
	default:
		n.issued.Add(1)
	}
	a.log.Info(fmt.Sprintf("%s has %s a certificate for %s, until %s", a.authority, what, name, moment(pair.Leaf.NotAfter)))
	if err != nil {
		a.log.Error(fmt.Sprintf("the certificate for %s is served, but after a restart a new one will be ordered: %v", name, err))
	}
}

// moment is a time for the log: the day, and the minute where that matters.
func moment(t time.Time) string {
	if time.Until(t) < 7*24*time.Hour {
		return t.UTC().Format("2006-01-02 15:04 UTC")
	}
	return day(t)
}

// roughly is a duration for people.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	}
	return fmt.Sprintf("%d h", d.Round(time.Hour)/time.Hour)
}

// spread makes a wait up to a fifth longer, so that many names do not come back
// at once.
func spread(d time.Duration) time.Duration { return d + rand.N(d/5+1) }

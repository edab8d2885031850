package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// HealthCheck is how a Balancer asks its targets whether they are well: each
// with a GET, on a connection made for it. Zero fields mean the default.
type HealthCheck struct {
	Path     string        // and query, as it is sent; "" means "/"
	Interval time.Duration // from one to the next; 0 means 10 s
	Timeout  time.Duration // of the whole of one; 0 means 2 s
	Status   int           // the only good answer; 0 means any of 2xx and 3xx
	Rise     int           // good outcomes in a row that bring a target up; 0 means 2
	Fall     int           // bad ones that take it down; 0 means 3
}

const (
	defaultCheckInterval = 10 * time.Second
	defaultCheckTimeout  = 2 * time.Second
	defaultRise          = 2
	defaultFall          = 3
)

// probe is how one member is asked.
type probe struct {
	upstream *Upstream
	request  *http.Request
}

// prepareChecks fills in the defaults, and makes what each member is asked.
func (b *Balancer) prepareChecks() {
	h := *b.settings.Health
	if h.Path == "" {
		h.Path = "/"
	}
	h.Interval = orDefault(h.Interval, defaultCheckInterval)
	h.Timeout = orDefault(h.Timeout, defaultCheckTimeout)
	h.Rise = orDefault(h.Rise, defaultRise)
	h.Fall = orDefault(h.Fall, defaultFall)
	b.settings.Health = &h
	for i, m := range b.members {
		s := b.settings.Members[i]
		// The pool for requests may have no connection to spare just when
		// the target has the most to do.
		upstream := NewUpstream(UpstreamSettings{Scheme: s.Scheme, NoKeepAlive: true, DialTimeout: h.Timeout})
		request := &http.Request{
			Method: http.MethodGet,
			URL:    &url.URL{Scheme: upstream.scheme(), Host: s.HostPort, Opaque: h.Path},
			Header: http.Header{"User-Agent": {"http-master (health check)"}},
		}
		if s.Scheme == "unix" {
			request.Host = "localhost"
		}
		m.probe = probe{upstream, request}
	}
}

// Start begins the health checks, if there are any, unless it has been called
// before. They go on until Close.
func (b *Balancer) Start() {
	b.starting.Do(func() {
		if b.settings.Health == nil {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		b.stop = cancel
		for _, m := range b.members {
			b.checks.Go(func() { b.keepChecking(ctx, m) })
		}
	})
}

// Close ends the health checks, and waits for that. b still chooses for those
// who have it, by what it knows.
func (b *Balancer) Close() {
	b.starting.Do(func() {}) // too late for Start
	if b.stop != nil {
		b.stop()
	}
	b.checks.Wait()
}

func (b *Balancer) keepChecking(ctx context.Context, m *member) {
	ticker := time.NewTicker(b.settings.Health.Interval)
	defer ticker.Stop()
	for {
		b.check(ctx, m)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// check asks m once, and notes the outcome.
func (b *Balancer) check(ctx context.Context, m *member) {
	h := b.settings.Health
	err := m.probe.ask(ctx, h)
	if ctx.Err() != nil {
		return // the end of the checks says nothing about m
	}
	b.mu.Lock()
	changed := m.note(err == nil, b.now(), h)
	b.mu.Unlock()
	switch {
	case !changed:
	case err == nil:
		b.log.Info("an upstream is up again", "upstream", m.name)
	default:
		b.log.Warn("an upstream is down, its health checks keep failing", "upstream", m.name, "reason", err.Error())
	}
}

var errCheckTimeout = errors.New("no answer to a health check in time")

func (p *probe) ask(ctx context.Context, h *HealthCheck) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.Timeout, errCheckTimeout)
	defer cancel()
	resp, err := p.upstream.RoundTrip(p.request.WithContext(ctx))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	resp.Body.Close()
	if h.Status != 0 && resp.StatusCode != h.Status || h.Status == 0 && (resp.StatusCode < 200 || resp.StatusCode > 399) {
		return fmt.Errorf("it answered %d to %s", resp.StatusCode, h.Path)
	}
	return nil
}

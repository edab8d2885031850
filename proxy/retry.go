package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// attempt is what is known of one try to have a request answered. The zero
// attempt is one of which nothing was sent.
type attempt struct {
	sent     atomic.Bool // the request's head, perhaps
	answered atomic.Bool // a first byte has come back
}

// follow makes trace tell a of what happens. Until there is a connection, its
// own time limits count, not the watchdog.
func (a *attempt) follow(trace *httptrace.ClientTrace, watch *watchdog) {
	trace.GotConn = func(httptrace.GotConnInfo) { watch.watch() }
	trace.WroteHeaders = func() { a.sent.Store(true) }
	trace.GotFirstResponseByte = func() { a.answered.Store(true) }
}

// repeatable tells whether a request that a ended without a response for may
// be sent again: nothing of it can have been understood, or to do it twice is
// as good as once (RFC 9110, 9.2.2) and nothing has come back.
func (a *attempt) repeatable(method string) bool {
	if !a.sent.Load() {
		return true
	}
	if a.answered.Load() {
		return false
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// again aims a request that failed with err once more. It is false if it is
// not to be sent once more. What has been read of a body cannot be had again.
func (x *exchange) again(err error) bool {
	late := errors.Is(err, errUpstreamIdle) || errors.Is(err, errNoneFree) || x.ctx.Err() != nil
	if x.retried >= x.p.Retries || late || !x.try.repeatable(x.r.Method) || !x.takeBackBody() {
		return false
	}
	x.retried++
	x.log("a request has failed and is tried again", 0, err)
	if m := x.lease.m; m != nil {
		x.tried = append(x.tried, m)
		if len(x.tried) == len(x.p.Hops) {
			x.tried = x.tried[:0] // from the beginning
		}
	}
	x.lease.settle(err)
	x.lease.end()
	if err := x.aim(); err != nil { // there is nothing to ask that target for
		x.lease.end()
		return false
	}
	return true
}

// gatewayError is why a response with this status counts as a failure of its
// upstream, nil for none: the upstream itself stands before something that
// fails. To a request it is an answer like any other.
func gatewayError(status int) error {
	switch status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return fmt.Errorf("it answered %d", status)
	}
	return nil
}

// takeBackBody makes the body ready for another try. It is false when some of
// it is gone.
func (x *exchange) takeBackBody() bool {
	if x.body == nil {
		return true
	}
	if !x.body.takeBack() {
		return false
	}
	x.body = newRequestBody(x.r, &x.client, &x.watch, x.p.MaxBody)
	return true
}

// connecting gives an upstream time to be connected to, which is more than its
// idle time if that is short: another one may be tried afterwards.
func (x *exchange) connecting() {
	const dialAndHandshake = 2
	limit := dialAndHandshake*x.hop.Upstream.dialer.Timeout + time.Second
	x.watch.allow(limit)
}

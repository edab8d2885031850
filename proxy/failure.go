package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
)

// fail answers a request to which there is no response. err is what came of
// asking the upstream; it goes to the log, not to the client.
func (x *exchange) fail(err error) {
	if x.r.Context().Err() != nil {
		x.body.settle()
	}
	if bodyErr := x.body.failed(); bodyErr != nil {
		x.failBody(bodyErr)
		return
	}
	if x.r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has left; an empty 200 would be a lie
	}
	if cause := context.Cause(x.ctx); cause != nil {
		err = cause
	}
	status, reason := explain(err)
	x.lease.settle(err)
	x.log("cannot forward a request", status, err)
	x.beforeHead()
	x.p.Errors.Write(x.w, x.r, status, reason)
}

// failBody answers a request whose body could not be read: not the upstream's
// fault.
func (x *exchange) failBody(err error) {
	status, reason := http.StatusBadRequest, "The request's body is malformed."
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		status, reason = http.StatusRequestTimeout, "The request's body took too long to arrive."
	case errors.As(err, &tooLarge):
		status, reason = http.StatusRequestEntityTooLarge, "The request's body is too large."
	case x.r.Context().Err() != nil && x.clientLeft(err):
		panic(http.ErrAbortHandler)
	}
	x.beforeHead()
	x.p.Errors.Write(x.w, x.r, status, reason)
}

// clientLeft tells whether a body could not be read because its client is gone.
// The request's context does not: in HTTP/1 it ends with a malformed body too,
// whose client waits for an answer.
func (x *exchange) clientLeft(err error) bool {
	var broken *net.OpError
	return x.client.http2 || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken)
}

// explain gives the status for an upstream's failure, and what a client may
// know about it.
func explain(err error) (status int, reason string) {
	var (
		timeout     net.Error
		dns         *net.DNSError
		dial        *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, errUpstreamIdle), errors.Is(err, errNoneFree), errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout, "The upstream server took too long to answer."
	case errors.Is(err, syscall.ECONNREFUSED):
		return http.StatusBadGateway, "The upstream server refused the connection."
	case errors.As(err, &dns):
		return http.StatusBadGateway, "The upstream server's name cannot be resolved."
	case errors.As(err, &certificate):
		return http.StatusBadGateway, "The upstream server's certificate cannot be verified."
	case errors.As(err, &dial) && dial.Op == "dial":
		return http.StatusBadGateway, "The upstream server cannot be reached."
	default:
		return http.StatusBadGateway, "The upstream server sent no valid response."
	}
}

// breakOff ends a response that the upstream did not finish, in a way that the
// client can tell from its end.
func (x *exchange) breakOff(err error) {
	if x.r.Context().Err() == nil && x.body.failed() == nil {
		if cause := context.Cause(x.ctx); cause != nil {
			err = cause
		}
		x.log("the upstream broke off its response", 0, err)
		x.client.ctl.Flush() // what has come is worth something
	}
	panic(http.ErrAbortHandler)
}

// log tells the operator about an upstream's failure; status is what the
// client got for it, 0 for none.
func (x *exchange) log(message string, status int, err error) {
	attrs := []slog.Attr{slog.String("upstream", x.upstream), slog.String("reason", err.Error())}
	if x.m.Rule != nil {
		attrs = append(attrs, slog.String("rule", x.m.Rule.String()))
	}
	if status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	x.p.Log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}

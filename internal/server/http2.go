package server

import (
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"httpmaster/internal/guard"
)

// checkHTTP2 gives the status and reason to refuse a request of HTTP/2 with that
// is not clear, or 0. What the guard is for HTTP/1 is here net/http, and this:
// net/http takes from several fields one, and a method or path with anything in
// it, which would be read otherwise once it stands in a request line of
// HTTP/1. r is left without a Host field, as requests of HTTP/1 are. CONNECT, which
// has no path, is left to the caller.
func checkHTTP2(r *http.Request, limits *guard.Limits) (status int, reason string) {
	switch {
	case r.Method == http.MethodConnect:
		return 0, ""
	case !httpguts.ValidHeaderFieldName(r.Method): // a token, as names are (RFC 9110, 9.1)
		return http.StatusBadRequest, "the method is no word"
	case r.RequestURI[0] != '/': // RFC 9113, 8.3.1; net/http itself answers OPTIONS *
		return http.StatusBadRequest, "the path does not begin with a slash"
	case strings.ContainsAny(r.RequestURI, " #"): // net/http refuses control characters
		return http.StatusBadRequest, "the path or query has a character in it that must be escaped"
	case len(r.RequestURI) > limits.URIBytes:
		return http.StatusRequestURITooLong, "the URL is too long"
	case countFields(r.Header) > limits.HeadLines:
		return http.StatusRequestHeaderFieldsTooLarge, "too many header fields"
	case r.Host == "":
		return http.StatusBadRequest, "the request names no host"
	case !sameHosts(r.Header["Host"], r.Host):
		return http.StatusBadRequest, "the Host header and :authority name different hosts"
	case !clearLength(r):
		return http.StatusBadRequest, "the Content-Length is not the number of bytes that come"
	}
	delete(r.Header, "Host")
	return 0, ""
}

func countFields(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// sameHosts tells whether the Host fields, of which there may be none or one,
// say the same as authority.
func sameHosts(fields []string, authority string) bool {
	return len(fields) == 0 || len(fields) == 1 && strings.EqualFold(fields[0], authority)
}

// clearLength tells whether r has no Content-Length, or one that net/http has
// understood. It has taken 0 where it has not, and for a request that ends with
// its header.
func clearLength(r *http.Request) bool {
	fields, there := r.Header["Content-Length"]
	if !there {
		return true
	}
	length := fields[0]
	isZero := length != "" && strings.Trim(length, "0") == ""
	return len(fields) == 1 && (r.ContentLength > 0 || isZero)
}

// http2Frame is the largest frame that is taken, the least there is (RFC 9113,
// 6.5.2). A client that announces a frame makes the server take memory for all of
// it.
const http2Frame = 16 << 10

// pingTimeout is for the answer to a PING, which is sent after three quarters of
// limits.bodyTimeout without a frame.
const pingTimeout = 10 * time.Second

// http2Config has net/http's server give up clients that do not answer a PING,
// and those that take nothing of what is written for as long as a body may rest.
func http2Config(l *limits) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: l.streams,
		MaxReadFrameSize:     http2Frame,
		SendPingTimeout:      l.body * 3 / 4,
		PingTimeout:          pingTimeout,
		WriteByteTimeout:     l.body,
	}
}

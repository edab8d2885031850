// Package guard stands between a client's connection and net/http's server and
// lets only those HTTP/1 requests through whose beginning and end nobody can
// see differently (RFC 9112, 11.2). net/http takes a good deal more than that,
// and by the time a handler sees a request the evidence is gone: a
// Content-Length beside a Transfer-Encoding, for one, has been deleted.
//
//	conn := guard.New(socket, &guard.Limits{...}, report)
//	// give conn to an http.Server instead of socket
//
// A request's head is held back until it is complete and found good. One that
// is not good gets its answer here, once the answers to the requests before it
// are out, and the connection is closed; net/http only sees it end. A body
// passes as it comes, its framing followed to know where the next head begins.
package guard

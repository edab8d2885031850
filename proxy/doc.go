// Package proxy holds what answers a request once a rule is found: the HTTP
// proxy with its upstream connections, redirect, websockify, static and
// reject. Each is a struct whose fields are set at load and which is a
// router.Handler from then on; none changes its fields while serving.
//
// A request passes three steps on its way to an upstream:
//
//	CleanRequest   once, before the rule's chain runs: what a client claims about itself goes
//	(the chain)    addHeader and its like; what they set is kept
//	Proxy.Serve    hop-by-hop and odd fields go, X-Forwarded-* are completed, the request is sent
//
// Whatever cannot be answered by the upstream is answered by ErrorPage.Write,
// the one place where error responses are made.
package proxy

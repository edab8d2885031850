// Package middleware holds the chain elements that do not answer a request but
// have a say before and after it: passwords, the access log, compression,
// headers and the filter by address. Each is a struct whose fields are set at
// load, and which is a router.Handler that ends in the one it holds as Next.
//
// What more than one of them needs lives here too: Recorder, the
// ResponseWriter that sees what passes through it.
package middleware

import "net/http"

// Refuse answers a request that a chain element does not let through, with
// status and a reason that is short and safe to show to anyone.
type Refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)

// Package router decides which rule answers a request and what a rule's target
// text means for that request. It knows no HTTP server and no YAML.
//
// The server makes host and path canonical once per request with
// [CanonicalHost] and [CanonicalPath] and puts them into a [Match]. A [Table],
// made at load from parsed patterns, finds the rule and adds what the pattern
// captured to the Match. A [Template] or [Target], parsed at load within the
// [Scope] of the patterns around it, is expanded from the Match.
//
// # Patterns
//
// A pattern is "host", "host/path" or "/path". [ParsePattern] describes both
// halves.
//
// # Macros
//
// Any target text may hold [1] to [n] (captures, outer routers' first),
// [name] (a named capture, the innermost of that name), [host], [path] and
// [query], and, of the certificate that the client has shown, [tls.subject]
// (its distinguished name as RFC 2253 writes it) and [tls.cn] (the common name
// in it), both empty without one. A literal [ is written [[; a ] stands for
// itself. What a macro stands for is never expanded again, and cannot change the
// shape of the text around it: see [Encoding].
package router

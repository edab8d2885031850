package middleware

import (
	"fmt"
	"net/http"

	"golang.org/x/net/http/httpguts"

	"httpmaster/router"
)

// framing are the fields that say where a message ends or whether the
// connection goes on. They belong to the connection they are seen on, so no
// config sets them.
var framing = map[string]bool{
	"Connection":        true,
	"Content-Length":    true,
	"Keep-Alive":        true,
	"Proxy-Connection":  true,
	"Te":                true,
	"Trailer":           true,
	"Transfer-Encoding": true,
	"Upgrade":           true,
}

// CheckHeaderName tells what is wrong with the name of a header that addHeader
// or addHeaderToResponse is to set.
func CheckHeaderName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the header's name is missing: write Name=Value")
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q cannot be the name of a header", name)
	case framing[http.CanonicalHeaderKey(name)]:
		return fmt.Errorf("the header %s belongs to the connection and cannot be set", name)
	}
	return nil
}

// AddHeader sets a header of the request, in place of those of that name that
// the client sent. Host is the one the upstream gets to see; the rule was found
// by the client's, which goes on as X-Forwarded-Host.
type AddHeader struct {
	Name   string // see CheckHeaderName
	Value  *router.Template
	Refuse Refuse
	Next   router.Handler
}

// Serve answers 400 if the value, made of parts of the request, cannot be a
// header's.
func (a *AddHeader) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	value, err := a.Value.Append(nil, m, router.Raw)
	if err != nil {
		a.Refuse(w, r, http.StatusBadRequest, router.ErrCapture.Error())
		return
	}
	name := http.CanonicalHeaderKey(a.Name)
	if name != "Host" {
		r.Header[name] = []string{string(value)}
		a.Next.Serve(w, r, m)
		return
	}
	if _, _, err := router.CanonicalHost(string(value)); err != nil {
		a.Refuse(w, r, http.StatusBadRequest, router.ErrCapture.Error())
		return
	}
	if _, told := r.Header["X-Forwarded-Host"]; !told && r.Host != "" {
		r.Header["X-Forwarded-Host"] = []string{r.Host}
	}
	r.Host = string(value)
	a.Next.Serve(w, r, m)
}

// AddResponseHeader sets a header of the answer, be it the upstream's, an error
// or a 101, in place of those of that name that the answer has. Set-Cookie and
// Vary are added to those that are there, as each of theirs says something of
// its own.
type AddResponseHeader struct {
	Name   string // see CheckHeaderName
	Value  *router.Template
	Refuse Refuse
	Next   router.Handler
}

// Serve answers 400 if the value, made of parts of the request, cannot be a
// header's.
func (a *AddResponseHeader) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	text, err := a.Value.Append(nil, m, router.Raw)
	if err != nil {
		a.Refuse(w, r, http.StatusBadRequest, router.ErrCapture.Error())
		return
	}
	name, value := http.CanonicalHeaderKey(a.Name), string(text)
	rec := NewRecorder(w)
	rec.BeforeHeader = func(h http.Header, _ int) {
		if name == "Set-Cookie" || name == "Vary" {
			h.Add(name, value)
		} else {
			h[name] = []string{value}
		}
	}
	a.Next.Serve(rec, r, m)
	rec.finish()
	rec.Release()
}

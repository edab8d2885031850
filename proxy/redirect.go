package proxy

import (
	"net/http"

	"httpmaster/router"
)

// Redirect answers with a Location.
type Redirect struct {
	To     *router.Target
	Code   int            // 301, 302, 303, 307 or 308; 0 means 302
	Next   router.Handler // gets the upgrade requests, which no client redirects
	Errors *ErrorPage
}

// Serve redirects r. Where a captured text does not fit into the address, or
// an HTTP/1.0 client has named no host to redirect to, it is a 400.
func (d *Redirect) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if IsUpgrade(r) {
		d.Next.Serve(w, r, m)
		return
	}
	location, err := d.To.URL(m)
	if err != nil {
		reason := "This address cannot be redirected."
		if m.Host == "" {
			reason = "The request names no host to redirect to."
		}
		d.Errors.Write(w, r, http.StatusBadRequest, reason)
		return
	}
	code := orDefault(d.Code, http.StatusFound)
	w.Header().Set("Location", location)
	plain(w, r, code, statusLine(code)+": "+location+"\n")
}

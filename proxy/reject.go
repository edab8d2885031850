package proxy

import (
	"net/http"

	"httpmaster/router"
)

// Reject answers every request, upgrades included, with a status.
type Reject struct {
	Code int // 0 means 403
	Page *ErrorPage
}

// Serve answers r.
func (j *Reject) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if IsUpgrade(r) {
		// What the client sends behind its request is no HTTP.
		w.Header().Set("Connection", "close")
	}
	j.Page.Write(w, r, orDefault(j.Code, http.StatusForbidden), "")
}

// Package statuspage is a page on which a person sees what a server does, live,
// and can close tunnels. The page is one document with everything in it; what it
// shows comes as events (Server-Sent Events) from the same address:
//
//	GET                             the page
//	GET, Accept: text/event-stream  an event every two seconds, as Update
//	POST, with Header               closes the tunnel whose id is the body
//
// It asks nobody who they are: that is for the elements before it in a chain.
package statuspage

import (
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"httpmaster/internal/status"
	"httpmaster/router"
)

// Header is what a request that closes a tunnel must have, with the value
// "close". No page of another origin can send it: browsers would ask here first
// (CORS), and get no leave.
const Header = "X-Http-Master-Status"

const (
	interval   = 2 * time.Second
	streamLife = time.Minute // then the page comes again: it holds the generation that it began with
	maxStreams = 32          // open at a time
	maxRules   = 500         // that are shown
	maxTunnels = 500
)

// Page answers with the page, its events, and what its buttons ask for. All
// fields must be set.
type Page struct {
	Status  func() *status.Status
	Tunnels func() []status.Tunnel
	Close   func(id uint64) bool // closes a tunnel; false when there is none
	Refuse  func(w http.ResponseWriter, r *http.Request, status int, reason string)
	Ending  <-chan struct{} // closed when the server is about to end
	Streams *atomic.Int64   // that are open, on all pages of the server
	Log     *slog.Logger
}

// Update is the data of an event.
type Update struct {
	Now     time.Time        `json:"now"`
	Status  *status.Status   `json:"status"`
	Tunnels []status.Tunnel  `json:"tunnels"`
	Omitted map[string]int64 `json:"omitted"` // rules and tunnels that are too many to be shown
}

//go:embed page.html
var frame string

//go:embed page.css
var style string

//go:embed page.js
var script string

// document is the page; policy lets nothing run or be loaded but what is in it
// (CSP Level 3).
var document, policy = func() (string, string) {
	// The texts between the tags, to the byte, are what the hashes are of.
	page := strings.NewReplacer("{{style}}", style, "{{script}}", script).Replace(frame)
	return page, "default-src 'none'; style-src " + hashOf(style) + "; script-src " + hashOf(script) +
		"; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Serve answers one request.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, m *router.Match) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case r.Method == http.MethodPost:
		p.closeTunnel(w, r, m)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD, POST")
		p.Refuse(w, r, http.StatusMethodNotAllowed, "the status page is read with GET")
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		p.stream(w, r)
	default:
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = io.WriteString(w, document) // who asked has left
	}
}

// stream sends an event every interval.
func (p *Page) stream(w http.ResponseWriter, r *http.Request) {
	defer p.Streams.Add(-1)
	if p.Streams.Add(1) > maxStreams {
		w.Header().Set("Retry-After", "5")
		p.Refuse(w, r, http.StatusServiceUnavailable, "too many status pages are open")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that hold streams back
	flush := http.NewResponseController(w).Flush
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	for {
		data, err := json.Marshal(p.update())
		if err == nil {
			_, err = w.Write(slices.Concat([]byte("retry: 1000\ndata: "), data, []byte("\n\n")))
		}
		if err != nil || flush() != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-end.C:
			return
		case <-p.Ending:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// update is what the page shows now. Of very many rules it has those that were
// asked most.
func (p *Page) update() *Update {
	u := &Update{Now: time.Now(), Status: p.Status(), Tunnels: p.Tunnels(), Omitted: map[string]int64{}}
	if n := len(u.Tunnels) - maxTunnels; n > 0 {
		u.Omitted["tunnels"], u.Tunnels = int64(n), u.Tunnels[:maxTunnels]
	}
	var all []int64
	for _, port := range u.Status.Ports {
		for i := range port.Rules {
			all = append(all, port.Rules[i].Requests())
		}
	}
	if len(all) <= maxRules {
		return u
	}
	u.Omitted["rules"] = int64(len(all) - maxRules)
	slices.Sort(all)
	shown := all[len(all)-maxRules:]
	least, ties := shown[0], 0
	for ties < len(shown) && shown[ties] == least {
		ties++
	}
	for i := range u.Status.Ports {
		port := &u.Status.Ports[i]
		port.Rules = slices.DeleteFunc(port.Rules, func(r status.Rule) bool {
			if r.Requests() != least {
				return r.Requests() < least
			}
			ties--
			return ties < 0
		})
	}
	return u
}

// closeTunnel does what a button of the page asks for, and nothing that a page
// of another site may have sent in its user's name.
func (p *Page) closeTunnel(w http.ResponseWriter, r *http.Request, m *router.Match) {
	if r.Header.Get(Header) != "close" || !sameOrigin(r) {
		p.Refuse(w, r, http.StatusForbidden, "only the status page itself can close tunnels")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 32))
	if err != nil {
		return // the client has left
	}
	id, err := strconv.ParseUint(string(body), 10, 64)
	if err != nil {
		p.Refuse(w, r, http.StatusBadRequest, "a tunnel's id is a number")
		return
	}
	if !p.Close(id) {
		p.Refuse(w, r, http.StatusNotFound, "this tunnel is not open any more")
		return
	}
	p.Log.Info("a tunnel is closed from the status page", "id", id, "user", m.User, "client", m.Client)
	w.WriteHeader(http.StatusNoContent)
}

// sameOrigin tells whether a browser says that the request comes from a page of
// this very host. Programs say nothing of the kind.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"httpmaster/internal/status"
)

// Admin is what the commands can ask of the process around a server, over a Unix
// socket that only its user may open. All of its functions must be set.
type Admin struct {
	// Socket is where to listen when the config does not say; "" for nowhere. It
	// stands in a folder of its own. A server that cannot have it does without,
	// and the log says so.
	Socket string
	// Reload loads the config and serves it, and gives what is wrong with it,
	// one line for each fault; nothing has changed then. Its error is that it
	// could not be tried.
	Reload func(ctx context.Context) (faults []string, err error)
	// Upgrade starts the program anew, which takes this process' place, and gives
	// why it did not, when nothing has changed. Its error is as Reload's.
	Upgrade func(ctx context.Context) (faults []string, err error)
	// Stop begins to end the process as SIGTERM does, and returns at once.
	Stop func()
}

// adminPort is the port of the admin socket, nil for none.
func (b *builder) adminPort() *port {
	admin := b.server.Admin
	if admin == nil || b.cfg.Modules.Admin.Off {
		return nil
	}
	socket, optional := b.cfg.Resolve(b.cfg.Modules.Admin.Socket.Value), false
	if socket == "" {
		socket, optional = admin.Socket, true
	}
	if socket == "" || runtime.GOOS == "windows" { // which has no modes to keep others out
		return nil
	}
	return &port{
		gen: b.gen, key: "unix:" + socket, network: "unix", address: socket,
		service: b.server.adminHandler(), private: true, optional: optional,
	}
}

// adminHandler is what the admin socket answers: JSON, and profiles. That whoever
// asks may do so, the socket's mode has seen to.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Status()) })
	mux.HandleFunc("GET /tunnels", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.liveTunnels()) })
	mux.HandleFunc("DELETE /tunnels/{id}", s.closeTunnel)
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		faults, err := s.Admin.Reload(r.Context())
		writeOutcome(w, faults, err, "the config was not reloaded, the old one keeps running")
	})
	mux.HandleFunc("POST /upgrade", func(w http.ResponseWriter, r *http.Request) {
		faults, err := s.Admin.Upgrade(r.Context())
		writeOutcome(w, faults, err, "the upgrade failed, the old process goes on as it was")
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		s.Admin.Stop()
		writeJSON(w, http.StatusAccepted, status.Answer{})
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// writeOutcome tells how something went that can be refused.
func writeOutcome(w http.ResponseWriter, faults []string, err error, refused string) {
	switch {
	case err != nil:
		writeJSON(w, http.StatusServiceUnavailable, status.Answer{Error: err.Error()})
	case len(faults) > 0:
		writeJSON(w, http.StatusUnprocessableEntity, status.Answer{Error: refused, Faults: faults})
	default:
		writeJSON(w, http.StatusOK, status.Answer{})
	}
}

// liveTunnels lists the open tunnels, the oldest first.
func (s *Server) liveTunnels() []status.Tunnel {
	list := []status.Tunnel{} // an empty one is [] as JSON
	for _, e := range s.tunnels.Live() {
		list = append(list, status.Tunnel{
			ID: e.ID, User: e.User, Client: e.Client, Rule: e.Rule, Target: e.Target, Started: e.Started,
			Received: e.Meter.Received.Load(), Sent: e.Meter.Sent.Load(), Resumes: e.Meter.Resumes.Load(),
		})
	}
	slices.SortFunc(list, func(a, b status.Tunnel) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// closedByOperator is what the client of a tunnel is told that was closed by a
// command.
const closedByOperator = "closed by the operator"

func (s *Server) closeTunnel(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, status.Answer{Error: "a tunnel's id is a number"})
		return
	}
	e := s.tunnels.Find(id)
	if e == nil {
		writeJSON(w, http.StatusNotFound, status.Answer{Error: "there is no tunnel " + strconv.FormatUint(id, 10) + " open"})
		return
	}
	e.Close(closedByOperator)
	writeJSON(w, http.StatusOK, status.Answer{})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // who asked has left
}

// adminPaths are those of the admin socket that must belong to whom the process
// becomes.
func adminPaths(added []*listener) []string {
	for _, l := range added {
		switch p := l.state.Load(); {
		case p.optional:
			return []string{filepath.Dir(p.address), p.address}
		case p.private:
			return []string{p.address}
		}
	}
	return nil
}

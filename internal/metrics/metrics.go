// Package metrics shows a server's status to Prometheus. It counts nothing
// itself: each scrape reads the figures that the server keeps. So what a scrape
// has is what the config of that moment has, and no label's value comes from a
// client.
package metrics

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"httpmaster/internal/status"
)

// Path is where Prometheus looks by default.
const Path = "/metrics"

// Handler answers at Path with what now gives, the Go runtime and the process.
// It tells log of what keeps it from doing so.
func Handler(now func() *status.Status, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{now}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		MaxRequestsInFlight: 4,
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!DOCTYPE html><html lang="en"><title>http-master</title><a href="/metrics">Metrics</a></html>`))
	})
	return mux
}

// errorLog is where promhttp says what went wrong.
type errorLog struct{ log *slog.Logger }

// Println is part of promhttp.Logger.
func (l errorLog) Println(v ...any) {
	if len(v) > 0 {
		l.log.Error("a scrape of the metrics failed", "err", v[len(v)-1])
	}
}

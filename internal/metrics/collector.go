package metrics

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"httpmaster/internal/status"
)

// name makes a metric of ours.
func name(what, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("http_master_"+what, help, labels, nil)
}

// What there is. docs/metrics.md says the same; a test compares them.
var (
	buildInfo = name("build_info", "1; the label says which build this is.", "version")
	started   = name("start_time_seconds", "When the server was started, in seconds since 1970.")

	configInfo   = name("config_info", "1; the label is the SHA-256 of the config that is served.", "hash")
	configLoaded = name("config_last_load_success_timestamp_seconds", "When the config that is served was taken over, in seconds since 1970.")
	configGood   = name("config_last_reload_successful", "0 when the newest config was refused and an older one is served, else 1.")
	reloads      = name("config_reloads_total", "Reloads since the start: taken over, or refused because of a fault.", "result")

	connections = name("connections", "Connections of clients that are open, those of tunnels among them.", "port")

	turnedAway = name("turned_away_total", "What did not get as far as to a rule: connections that were too many, TLS handshakes that failed, requests that were not clear, too large or too slow.", "what")

	panics = name("panics_total", "Requests that have failed by a fault of the program; the log has more about each.")

	requests     = name("requests_total", "Requests by the first digit of their status. A tunnel counts when it opens.", "port", "rule", "class")
	durations    = name("request_duration_seconds", "Time from a request's head to the end of its response, or to the opening of its tunnel.", "port", "rule")
	bytes        = name("response_bytes_total", "Bytes of the bodies of responses; those of tunnels are not in it.", "port", "rule")
	authFailures = name("auth_failures_total", "Wrong passwords.", "port", "rule")
	refused      = name("refused_requests_total", "Requests refused by limit, or by allow or deny.", "port", "rule", "by")

	tunnelsLive    = name("tunnels", "Tunnels and upgraded connections that are open.", "port", "rule")
	tunnelsOpened  = name("tunnels_opened_total", "Tunnels and upgraded connections that were opened.", "port", "rule")
	tunnelBytes    = name("tunnel_bytes_total", "Bytes that tunnels and upgraded connections have carried: in, from clients, and out, to clients.", "port", "rule", "direction")
	tunnelsResumed = name("tunnel_resumes_total", "How often clients have come back to their tunnels.", "port", "rule")

	upstreamState = name("upstream_up", "1 when the target gets requests; 0 when its health checks fail or it was ejected.", "port", "rule", "upstream")
	upstreamInUse = name("upstream_in_use", "Requests and tunnels under way to a target.", "port", "rule", "upstream")

	certificateEnds = name("certificate_expiry_timestamp_seconds", "When a certificate that is served ends, in seconds since 1970.", "port", "names", "key")
	acmeResults     = name("acme_results_total", "Certificates got by ACME, and attempts that failed.", "name", "result")
)

// collector makes the metrics of a status.
type collector struct{ now func() *status.Status }

// Describe is part of prometheus.Collector. Without it the registry would not
// know when another metric has the name of one of these.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildInfo, started, configInfo, configLoaded, configGood, reloads, connections, turnedAway, panics, requests, durations, bytes,
		authFailures, refused, tunnelsLive, tunnelsOpened, tunnelBytes, tunnelsResumed,
		upstreamState, upstreamInUse, certificateEnds, acmeResults,
	} {
		out <- d
	}
}

// Collect is part of prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.now()
	x := sample{out}
	x.gauge(buildInfo, 1, s.Version)
	x.gauge(started, seconds(s.Started))
	x.gauge(configInfo, 1, s.Config.Hash)
	x.gauge(configLoaded, seconds(s.Config.Loaded))
	x.gauge(configGood, truth(!s.Config.LastRefused))
	x.counter(reloads, s.Config.Reloads, "ok")
	x.counter(reloads, s.Config.Refused, "refused")
	x.counter(turnedAway, s.Refused.Connections, "connections")
	x.counter(turnedAway, s.Refused.Handshakes, "handshakes")
	x.counter(turnedAway, s.Refused.Requests, "requests")
	x.counter(panics, s.Panics)
	for i := range s.Ports {
		x.port(&s.Ports[i])
	}
	x.upstreams(s.Upstreams)
	x.certificates(s.Certificates)
	for _, a := range s.ACME {
		x.counter(acmeResults, a.Issued, a.Name, "issued")
		x.counter(acmeResults, a.Renewed, a.Name, "renewed")
		x.counter(acmeResults, a.Failed, a.Name, "failed")
	}
}

// sample is one scrape.
type sample struct{ out chan<- prometheus.Metric }

func (x sample) gauge(d *prometheus.Desc, v float64, labels ...string) {
	x.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (x sample) counter(d *prometheus.Desc, v int64, labels ...string) {
	x.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

// port shows the rules of a port that have had a request or a tunnel, and the
// one without a pattern: of ten thousand hosts most are silent.
func (x sample) port(p *status.Port) {
	x.gauge(connections, float64(p.Connections), p.Address)
	seen := make(map[string]bool)
	for i := range p.Rules {
		r := &p.Rules[i]
		silent := r.Requests() == 0 && r.Tunnels.Opened == 0
		if seen[r.Pattern] || silent && r.Pattern != "" {
			continue
		}
		seen[r.Pattern] = true
		x.traffic(p.Address, r.Pattern, &r.Traffic)
	}
}

func (x sample) traffic(port, rule string, t *status.Traffic) {
	for i, n := range t.Classes {
		x.counter(requests, n, port, rule, strconv.Itoa(i+1)+"xx")
	}
	buckets := make(map[float64]uint64, len(status.Bounds))
	sum := uint64(0)
	for i, bound := range status.Bounds {
		sum += uint64(t.Buckets[i])
		buckets[bound] = sum
	}
	sum += uint64(t.Buckets[len(status.Bounds)])
	x.out <- prometheus.MustNewConstHistogram(durations, sum, t.Seconds, buckets, port, rule)
	x.counter(bytes, t.Bytes, port, rule)
	x.counter(authFailures, t.AuthFailures, port, rule)
	x.counter(refused, t.Limited, port, rule, "limit")
	x.counter(refused, t.Denied, port, rule, "address")
	x.gauge(tunnelsLive, float64(t.Tunnels.Live), port, rule)
	x.counter(tunnelsOpened, t.Tunnels.Opened, port, rule)
	x.counter(tunnelBytes, t.Tunnels.Received, port, rule, "in")
	x.counter(tunnelBytes, t.Tunnels.Sent, port, rule, "out")
	x.counter(tunnelsResumed, t.Tunnels.Resumes, port, rule)
}

func (x sample) upstreams(list []status.Upstream) {
	seen := make(map[[3]string]bool)
	for _, u := range list {
		if key := [3]string{u.Port, u.Rule, u.Address}; !seen[key] {
			seen[key] = true
			x.gauge(upstreamState, truth(u.State == "up"), u.Port, u.Rule, u.Address)
			x.gauge(upstreamInUse, float64(u.InUse), u.Port, u.Rule, u.Address)
		}
	}
}

// certificates shows of several with the same names and kind of key the one
// that lasts longest, which is the one that clients get.
func (x sample) certificates(list []status.Certificate) {
	ends := make(map[[3]string]time.Time)
	for _, c := range list {
		key := [3]string{c.Port, strings.Join(c.Names, " "), c.Key}
		if ends[key].Before(c.Expires) {
			ends[key] = c.Expires
		}
	}
	for key, end := range ends {
		x.gauge(certificateEnds, seconds(end), key[0], key[1], key[2])
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

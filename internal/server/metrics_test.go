package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"httpmaster/router"
)

// scrape asks for the metrics and gives the samples that are ours.
func scrape(t *testing.T, addr string) map[string]float64 {
	t.Helper()
	resp, body := get(t, client(t, addr), "http://metrics/metrics")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %s\n%s", resp.Status, body)
	}
	samples := make(map[string]float64)
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "} ")
		if !strings.HasPrefix(line, "http_master_") {
			continue
		}
		if value == "" {
			name, value, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		} else {
			name += "}"
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		samples[strings.TrimPrefix(name, "http_master_")] = v
	}
	return samples
}

// wantSamples waits until the samples are as wanted: what is counted at the end
// of a request may come after its client has the answer.
func wantSamples(t *testing.T, addr string, want map[string]float64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got, wrong := scrape(t, addr), ""
		for name, v := range want {
			if had, ok := got[name]; !ok || had != v {
				wrong += fmt.Sprintf("%s is %v, want %v\n", name, had, v)
			}
		}
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
		time.Sleep(5 * time.Millisecond) // the pace of polling
	}
}

func TestMetrics(t *testing.T) {
	addrs := freePorts(t, 2)
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, "hello")
	})
	passwords := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwords, []byte("me:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := `
modules: {metrics: {listen: ` + quoted(addrs[1]) + `}}
ports:
  ` + quoted(addrs[0]) + `:
    router:
      "a.com": {"/x": "reject -> 404", "/*": ` + quoted(app) + `}
      "b.com": ` + quoted(app) + `
      "limited.com": ["limit -> 1/h", "reject -> 410"]
      "denied.com": ["deny -> 127.0.0.0/8", "reject -> 410"]
      "guarded.com": ["auth -> ` + passwords + `", "reject -> 410"]
      "silent.com": "reject -> 410"
`
	r := start(t, text)
	c := client(t, addrs[0])
	wantStatus(t, c, "http://a.com/x", 404)
	wantStatus(t, c, "http://a.com/y", 200)
	wantStatus(t, c, "http://a.com/z", 200)
	wantStatus(t, c, "http://a.com/panic", 502)
	wantStatus(t, c, "http://b.com/", 200)
	wantStatus(t, c, "http://limited.com/", 410)
	wantStatus(t, c, "http://limited.com/", 429)
	wantStatus(t, c, "http://denied.com/", 403)
	wantStatus(t, c, "http://me:wrong@guarded.com/", 401)
	wantStatus(t, c, "http://guarded.com/", 401)
	for i := range 20 {
		wantStatus(t, c, fmt.Sprintf("http://made-up-%d.example/%d", i, i), 404)
	}

	label := func(rule string) string { return `port="` + addrs[0] + `",rule="` + rule + `"` }
	want := map[string]float64{
		`requests_total{class="4xx",` + label("a.com > /x") + `}`:                1,
		`requests_total{class="2xx",` + label("a.com > /*") + `}`:                2,
		`requests_total{class="5xx",` + label("a.com > /*") + `}`:                1,
		`request_duration_seconds_count{` + label("a.com > /*") + `}`:            3,
		`response_bytes_total{` + label("b.com") + `}`:                           5,
		`requests_total{class="4xx",` + label("") + `}`:                          20,
		`refused_requests_total{by="limit",` + label("limited.com") + `}`:        1,
		`refused_requests_total{by="address",` + label("denied.com") + `}`:       1,
		`request_duration_seconds_bucket{` + label("a.com > /x") + `,le="+Inf"}`: 1,
		`auth_failures_total{` + label("guarded.com") + `}`:                      1,
		`connections{port="` + addrs[0] + `"}`:                                   25, // the client keeps one for each host
		`config_last_reload_successful`:                                          1,
		`config_reloads_total{result="ok"}`:                                      0,
	}
	wantSamples(t, addrs[1], want)
	for name := range scrape(t, addrs[1]) {
		if strings.Contains(name, "made-up") || strings.Contains(name, "silent") {
			t.Errorf("there is %s", name)
		}
	}

	// A reload goes on counting, and what has left the config is gone.
	if err := r.apply(strings.Replace(text, `"limited.com"`, `"unlimited.com"`, 1)); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, c, "http://a.com/x", 404)
	wantSamples(t, addrs[1], map[string]float64{
		`requests_total{class="4xx",` + label("a.com > /x") + `}`: 2,
		`config_reloads_total{result="ok"}`:                       1,
	})
	for name := range scrape(t, addrs[1]) {
		if strings.Contains(name, "limited.com") {
			t.Errorf("after the reload there is %s", name)
		}
	}
}

// TestMetricsAddress: nothing but metrics is there, the rules do not know of it,
// and it goes with its line in the config.
func TestMetricsAddress(t *testing.T) {
	addrs := freePorts(t, 2)
	port := "ports: {" + quoted(addrs[0]) + ": \"reject -> 410\"}\n"
	r := start(t, "modules: {metrics: {listen: "+quoted(addrs[1])+"}}\n"+port)
	for path, status := range map[string]int{"/": 200, "/metrics": 200, "/debug/pprof/": 404, "/x": 404} {
		wantStatus(t, client(t, addrs[1]), "http://m"+path, status)
	}
	wantStatus(t, client(t, addrs[0]), "http://m/metrics", 410)
	if err := r.apply(port); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, addrs[1]).Get("http://m/metrics"); err == nil {
		t.Error("the metrics are still there")
	}
}

// TestCountingAllocates holds that a request is counted without garbage.
func TestCountingAllocates(t *testing.T) {
	p := &port{tallies: []ruleTally{{tally: new(tally)}}}
	w, r, m := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), new(router.Match)
	allocated := testing.AllocsPerRun(1000, func() {
		c := p.begin(w, r, m)
		c.finished = true
		c.end(r)
	})
	if allocated >= 1 { // the race detector empties pools now and then
		t.Errorf("%v allocations a request", allocated)
	}
	if n := p.tallies[0].classes[1].Load(); n != 1001 {
		t.Errorf("counted %d requests", n)
	}
}

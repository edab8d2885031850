package server

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"httpmaster/config"
	"httpmaster/router"
)

// faulty is a handler with a fault: it panics, for /late when it has begun to
// answer.
type faulty struct{}

func (faulty) Serve(w http.ResponseWriter, r *http.Request, _ *router.Match) {
	if r.URL.Path == "/fine" {
		return
	}
	w.Header().Set("Content-Length", "1000")
	if r.URL.Path == "/late" {
		w.Write([]byte("begun"))
	}
	panic("nobody has thought of this")
}

func TestPanicsEndNothingButTheirRequest(t *testing.T) {
	for _, ssl := range []string{"", ", ssl: {selfSigned: true}"} {
		addr := freePorts(t, 1)[0]
		r := start(t, "ports: {"+quoted(freePorts(t, 1)[0])+": 80}")
		cfg, faults := config.Parse("config.yaml", []byte("ports: {"+quoted(addr)+": {router: {'*': 80}"+ssl+"}}"))
		gen := r.srv.Build(cfg, faults)
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		gen.ports[0].handler = faulty{}
		if err := r.srv.Apply(gen); err != nil {
			t.Fatal(err)
		}
		scheme := "http"
		if ssl != "" {
			scheme = "https"
		}
		c := client(t, addr)
		resp, body := get(t, c, scheme+"://a.com/x")
		id := regexp.MustCompile("request ([A-Z2-7]{10})").FindStringSubmatch(body)
		if resp.StatusCode != 500 || id == nil {
			t.Fatalf("got %s, %q", resp.Status, body)
		}
		log := r.log.String()
		for _, part := range []string{"request=" + id[1], "nobody has thought of this", "panic_test.go", "path=/x"} {
			if !strings.Contains(log, part) {
				t.Errorf("the log does not have %q", part)
			}
		}
		if resp, err := c.Get(scheme + "://a.com/late"); err == nil {
			if _, err = resp.Body.Read(make([]byte, 10)); err == nil {
				_, err = resp.Body.Read(make([]byte, 10))
			}
			resp.Body.Close()
			if err == nil {
				t.Error("an answer that was broken off looks whole")
			}
		}
		wantStatus(t, c, scheme+"://a.com/fine", 200)
		if n := r.srv.Status().Panics; n != 2 {
			t.Errorf("%d panics counted, want 2", n)
		}
	}
}

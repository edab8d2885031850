package middleware

import (
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"httpmaster/router"
)

func TestLimit(t *testing.T) {
	type ask struct {
		after  time.Duration // since the one before
		client string
		status int
		retry  string
	}
	tests := []struct {
		name  string
		rate  float64
		burst int
		asks  []ask
	}{
		{"a burst, then the rate", 10, 3, []ask{
			{0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 200, ""},
			{0, "192.0.2.1", 429, "1"},
			{99 * time.Millisecond, "192.0.2.1", 429, "1"},
			{time.Millisecond, "192.0.2.1", 200, ""},
			{0, "192.0.2.1", 429, "1"},
		}},
		{"a pause gives the burst back, and no more", 10, 2, []ask{
			{0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 429, "1"},
			{time.Hour, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 429, "1"},
		}},
		{"refused requests do not count", 1.0 / 60, 1, []ask{
			{0, "192.0.2.1", 200, ""}, {0, "192.0.2.1", 429, "60"}, {30 * time.Second, "192.0.2.1", 429, "30"},
			{30 * time.Second, "192.0.2.1", 200, ""},
		}},
		{"clients have their own", 1, 1, []ask{
			{0, "192.0.2.1", 200, ""}, {0, "192.0.2.2", 200, ""}, {0, "192.0.2.1", 429, "1"},
		}},
		{"an IPv6 network is one client", 1, 1, []ask{
			{0, "2001:db8::1", 200, ""}, {0, "2001:db8::2", 429, "1"}, {0, "2001:db8:0:1::1", 200, ""},
		}},
		{"IPv4 in IPv6 clothes is IPv4", 1, 1, []ask{
			{0, "::ffff:192.0.2.1", 200, ""}, {0, "192.0.2.1", 429, "1"}, {0, "::ffff:192.0.2.2", 200, ""},
		}},
		{"clients without an address are one", 1, 1, []ask{{0, "", 200, ""}, {0, "", 429, "1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			l := &Limit{
				Rate: tt.rate, Burst: tt.burst,
				Next:   router.HandlerFunc(func(w http.ResponseWriter, r *http.Request, m *router.Match) {}),
				Refuse: func(w http.ResponseWriter, r *http.Request, status int, reason string) { w.WriteHeader(status) },
				now:    func() time.Time { return now },
			}
			for i, a := range tt.asks {
				now = now.Add(a.after)
				var m router.Match
				if a.client != "" {
					m.Client = netip.MustParseAddr(a.client)
				}
				w := httptest.NewRecorder()
				l.Serve(w, nil, &m)
				if w.Code != a.status || w.Header().Get("Retry-After") != a.retry {
					t.Errorf("request %d: %d, Retry-After %q; want %d, %q", i+1, w.Code, w.Header().Get("Retry-After"), a.status, a.retry)
				}
			}
		})
	}
}

// TestLimitForgets floods a Limit from a million addresses.
func TestLimitForgets(t *testing.T) {
	l := &Limit{Rate: 1e-6, Burst: 1}
	for i := range uint32(1_000_000) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], i)
		l.take(netip.AddrFrom4(ip))
	}
	for i := range l.shards {
		if n := len(l.shards[i].full); n > limitEntries {
			t.Errorf("shard %d remembers %d clients", i, n)
		}
	}
}

func BenchmarkLimit(b *testing.B) {
	l := &Limit{Rate: 1e9, Burst: 1}
	client := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		l.take(client)
	}
}

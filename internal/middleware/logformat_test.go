package middleware

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

func testEntry() *entry {
	return &entry{
		time:     time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.FixedZone("", -7*3600)),
		client:   netip.MustParseAddr("192.0.2.1"),
		user:     "ann",
		host:     "a.com",
		method:   "GET",
		uri:      "/x?y=1",
		proto:    "HTTP/1.1",
		referer:  "https://b.com/",
		agent:    "curl/8",
		status:   200,
		bytes:    1234,
		duration: 12345678 * time.Nanosecond,
		first:    time.Millisecond + 50*time.Microsecond,
		rule:     7,
	}
}

func TestLogFormats(t *testing.T) {
	hostile := func(e *entry) {
		e.user = "a b\"\n"
		e.uri = "/\" 200 1\\\x00"
		e.method = "G ET"
		e.referer = "x\" \"y\r\n127.0.0.1 - - ["
		e.agent = "\x1b[31mź\xff\u009b\u2028"
		e.host = "a\tb"
	}
	bare := func(e *entry) { *e = entry{time: e.time, method: "GET", uri: "/", proto: "HTTP/2.0", status: 204} }
	opened := func(e *entry) { e.status, e.bytes, e.tunnel = 101, 0, tunnelOpen }
	closed := func(e *entry) {
		e.status, e.bytes, e.tunnel, e.in, e.out, e.duration = 101, 9, tunnelClose, 5, 9, 90061500*time.Microsecond
	}
	for _, c := range []struct {
		name   string
		format LogFormat
		change func(*entry)
		want   string
	}{
		{"combined", Combined, nil, `192.0.2.1 - ann [04/Mar/2026:05:06:07 -0700] "GET /x?y=1 HTTP/1.1" 200 1234 "https://b.com/" "curl/8"`},
		{"common", Common, nil, `192.0.2.1 - ann [04/Mar/2026:05:06:07 -0700] "GET /x?y=1 HTTP/1.1" 200 1234`},
		{"json", JSON, nil, `{"time":"2026-03-04T05:06:07.089-07:00","client":"192.0.2.1","user":"ann","host":"a.com","method":"GET","uri":"/x?y=1","proto":"HTTP/1.1","status":200,"bytes":1234,"ms":12.345,"firstByteMs":1.050,"referer":"https://b.com/","userAgent":"curl/8","rule":7}`},
		{"combined, nothing known", Combined, bare, `- - - [04/Mar/2026:05:06:07 -0700] "GET / HTTP/2.0" 204 - "-" "-"`},
		{"json, nothing known", JSON, bare, `{"time":"2026-03-04T05:06:07.089-07:00","client":"","user":"","host":"","method":"GET","uri":"/","proto":"HTTP/2.0","status":204,"bytes":0,"ms":0.000,"firstByteMs":0.000,"referer":"","userAgent":"","rule":0}`},
		{"combined, hostile", Combined, hostile, `192.0.2.1 - a\x20b\x22\x0a [04/Mar/2026:05:06:07 -0700] "G\x20ET /\x22\x20200\x201\x5c\x00 HTTP/1.1" 200 1234 "x\x22 \x22y\x0d\x0a127.0.0.1 - - [" "\x1b[31m\xc5\xba\xff\xc2\x9b\xe2\x80\xa8"`},
		{"json, hostile", JSON, hostile, `{"time":"2026-03-04T05:06:07.089-07:00","client":"192.0.2.1","user":"a b\"\u000a","host":"a\u0009b","method":"G ET","uri":"/\" 200 1\\\u0000","proto":"HTTP/1.1","status":200,"bytes":1234,"ms":12.345,"firstByteMs":1.050,"referer":"x\" \"y\u000d\u000a127.0.0.1 - - [","userAgent":"\u001b[31mź�\u009b` + "\u2028" + `","rule":7}`},
		{"combined, tunnel opens", Combined, opened, `192.0.2.1 - ann [04/Mar/2026:05:06:07 -0700] "GET /x?y=1 HTTP/1.1" 101 - "https://b.com/" "curl/8" tunnel=open`},
		{"combined, tunnel closes", Combined, closed, `192.0.2.1 - ann [04/Mar/2026:05:06:07 -0700] "GET /x?y=1 HTTP/1.1" 101 9 "https://b.com/" "curl/8" tunnel=close in=5 out=9 seconds=90.061`},
		{"common, tunnel closes", Common, closed, `192.0.2.1 - ann [04/Mar/2026:05:06:07 -0700] "GET /x?y=1 HTTP/1.1" 101 9 tunnel=close in=5 out=9 seconds=90.061`},
		{"json, tunnel closes", JSON, closed, `{"time":"2026-03-04T05:06:07.089-07:00","client":"192.0.2.1","user":"ann","host":"a.com","method":"GET","uri":"/x?y=1","proto":"HTTP/1.1","status":101,"bytes":9,"ms":90061.500,"firstByteMs":1.050,"referer":"https://b.com/","userAgent":"curl/8","rule":7,"tunnel":"close","in":5,"out":9}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := testEntry()
			if c.change != nil {
				c.change(e)
			}
			got := string(e.appendTo(nil, c.format))
			if got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
			if c.format == JSON && !json.Valid([]byte(got)) {
				t.Error("this is not JSON")
			}
		})
	}
}

func TestLogFormatNamed(t *testing.T) {
	for name, want := range map[string]LogFormat{"": Combined, "combined": Combined, "common": Common, "json": JSON} {
		if got, known := LogFormatNamed(name); !known || got != want {
			t.Errorf("%q is %v, %v", name, got, known)
		}
	}
	if _, known := LogFormatNamed("JSON "); known {
		t.Error("a name that is not known is taken")
	}
}

func TestLogLineDoesNotAllocate(t *testing.T) {
	e, line := testEntry(), make([]byte, 0, 1024)
	for _, format := range []LogFormat{Combined, Common, JSON} {
		if n := testing.AllocsPerRun(100, func() { line = e.appendTo(line[:0], format) }); n != 0 {
			t.Errorf("format %d: %v allocations a line", format, n)
		}
	}
}

func BenchmarkLogLine(b *testing.B) {
	e, line := testEntry(), make([]byte, 0, 1024)
	for name, format := range map[string]LogFormat{"combined": Combined, "json": JSON} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line = e.appendTo(line[:0], format)
			}
		})
	}
}

func FuzzLogFormats(f *testing.F) {
	f.Add("a b", "/x", "GET", "agent")
	f.Add("\"\n", "\\\"", "\x00", "\xff\u2028\u0085")
	f.Fuzz(func(t *testing.T, user, uri, method, agent string) {
		e := testEntry()
		e.user, e.uri, e.method, e.agent, e.referer = user, uri, method, agent, agent
		combined := e.appendTo(nil, Combined)
		quotes := 0
		for i, c := range combined {
			if c >= 0x7f || c < 0x20 && i != len(combined)-1 {
				t.Fatalf("a raw %q in %q", c, combined)
			}
			if c == '"' {
				quotes++
			}
		}
		if quotes != 6 {
			t.Errorf("%d quotes in %q", quotes, combined)
		}
		line := e.appendTo(nil, JSON)
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if want := string([]rune(uri)); fields["uri"] != want {
			t.Errorf("uri came out as %q, want %q", fields["uri"], want)
		}
	})
}

package router

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonicalHost(t *testing.T) {
	for _, c := range []struct{ header, host, port string }{
		{"", "", ""},
		{"a.com", "a.com", ""},
		{"A.Com", "a.com", ""},
		{"a.com.", "a.com", ""},
		{"a.com.:80", "a.com", "80"},
		{"a.com:", "a.com", ""},
		{"a.com:8080", "a.com", "8080"},
		{"a.com:00080", "a.com", "80"},
		{"a.com:65535", "a.com", "65535"},
		{"my_host", "my_host", ""},
		{"r3---sn.a.com", "r3---sn.a.com", ""},
		{"127.0.0.1:80", "127.0.0.1", "80"},
		{"127.1", "127.1", ""},
		{"[::1]", "[::1]", ""},
		{"[::1]:8080", "[::1]", "8080"},
		{"[0:0::01]:8080", "[::1]", "8080"},
		{"[2001:DB8::A]", "[2001:db8::a]", ""},
		{"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", ""},
		{"źdźbło.pl", "xn--dbo-iwa1zb.pl", ""},
		{"ŹDŹBŁO.PL:80", "xn--dbo-iwa1zb.pl", "80"},
		{"XN--DBO-IWA1ZB.pl", "xn--dbo-iwa1zb.pl", ""},
		{"źdźbło。pl。", "xn--dbo-iwa1zb.pl", ""},
		{"ａ.com", "a.com", ""},
		{"my_ź.pl", "xn--my_-x2a.pl", ""},
	} {
		host, port, err := CanonicalHost(c.header)
		if host != c.host || port != c.port || err != nil {
			t.Errorf("CanonicalHost(%q) = %q, %q, %v; want %q, %q", c.header, host, port, err, c.host, c.port)
		}
	}
}

func TestCanonicalHostRefused(t *testing.T) {
	long := strings.Repeat("a", 64)
	for header, want := range map[string]error{
		"a:80x":                     errHostPort,
		"a: 80":                     errHostPort,
		"a:+80":                     errHostPort,
		"a:0":                       errHostPort,
		"a:65536":                   errHostPort,
		"a:100000":                  errHostPort,
		"a:18446744073709551617":    errHostPort,
		"a:80:80":                   errHostColons,
		"::1":                       errHostColons,
		"[::1":                      errHostColons,
		"[1":                        errHostIPv6,
		"[":                         errHostIPv6,
		"[]":                        errHostIPv6,
		"[1.2.3.4]":                 errHostIPv6,
		"[a.com]":                   errHostIPv6,
		"[::1]a":                    errHostIPv6,
		"[::1]]":                    errHostIPv6,
		"[fe80::1%eth0]":            errHostZone,
		"[fe80::1%25eth0]":          errHostZone,
		"a/b":                       errHostByte,
		"a b":                       errHostByte,
		"a.com ":                    errHostByte,
		"user@a.com":                errHostByte,
		"a%2ecom":                   errHostByte,
		"a,b":                       errHostByte,
		"a\x00":                     errHostByte,
		"a?b":                       errHostByte,
		"a#b":                       errHostByte,
		`a\b`:                       errHostByte,
		"*.a.com":                   errHostByte,
		"a..b":                      errHostLabel,
		".a":                        errHostLabel,
		"a..":                       errHostLabel,
		".":                         errHostEmpty,
		":80":                       errHostEmpty,
		long + ".com":               errHostLong,
		strings.Repeat("a.", 127):   nil, // 253 without the final dot
		strings.Repeat("a.", 128):   errHostLong,
		strings.Repeat("ź", 600):    errHostLong,
		"\xff\xfe.com":              errHostIDN,
		"ź.xn--a":                   errHostIDN,
		"℀.com":                     errHostByte, // maps to "a/c"
		"ź⒈com":                     errHostIDN,
		"ź．．com":                    errHostLabel,
		"a\u200b\u200b..\u200b.com": errHostLabel,
	} {
		host, port, err := CanonicalHost(header)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("CanonicalHost(%q) = %v, want %v", header, err, want)
		}
		if err != nil && (host != "" || port != "" || !errors.Is(err, ErrHost)) {
			t.Errorf("CanonicalHost(%q) = %q, %q, %v", header, host, port, err)
		}
	}
}

func TestCanonicalHostErrorText(t *testing.T) {
	_, _, err := CanonicalHost("secret\r\n:80")
	if got, want := err.Error(), "invalid host: the name has a character that no host name has"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestCanonicalHostAllocatesNothingWhenCanonical(t *testing.T) {
	for _, header := range []string{"www.example.com", "www.example.com:8443", "10.0.0.1:80", "[2001:db8::1]:443", ""} {
		if n := testing.AllocsPerRun(100, func() { _, _, _ = CanonicalHost(header) }); n != 0 {
			t.Errorf("CanonicalHost(%q) allocates %v times", header, n)
		}
	}
}

func FuzzCanonicalHost(f *testing.F) {
	for _, s := range []string{"a.com", "A.com.:80", "[::1]:8080", "źdźbło.pl", "xn--dbo-iwa1zb.pl", "a..b", "[fe80::1%1]", "ａ。ｂ:1", "a:080"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		host, port, err := CanonicalHost(header)
		if err != nil {
			if !errors.Is(err, ErrHost) {
				t.Fatalf("error %v", err)
			}
			return
		}
		whole := host
		if port != "" {
			whole += ":" + port
		}
		again, port2, err := CanonicalHost(whole)
		if again != host || port2 != port || err != nil {
			t.Fatalf("%q -> %q, %q -> %q, %q, %v", header, host, port, again, port2, err)
		}
		if strings.ContainsAny(host, "/@?#% *\\") || !strings.HasPrefix(host, "[") && strings.Contains(host, ":") {
			t.Fatalf("%q -> %q", header, host)
		}
		for i := range len(host) {
			if host[i] >= 0x7f || 'A' <= host[i] && host[i] <= 'Z' {
				t.Fatalf("%q -> %q", header, host)
			}
		}
	})
}

package config

import (
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// FuzzSize reckons sizes with numbers that have no end.
func FuzzSize(f *testing.F) {
	for _, s := range []string{"10MB", "512 KiB", "0", "9223372036854775807", "9223372036854775808", "9007199254740992KiB", "1kib", "-1", "1.5MB", "GB", "1 "} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^([0-9]+)[\s\v]*((?i:([kmg])(i?)b|b?))[\s\v]*$`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range s {
			if c >= 0x80 {
				return // white space and letters of other scripts
			}
		}
		got, err := parseSize(s)
		parts := form.FindStringSubmatch(s)
		if parts == nil {
			if err == nil {
				t.Errorf("%q is %d", s, got)
			}
			return
		}
		want, _ := new(big.Int).SetString(parts[1], 10)
		base := big.NewInt(1000)
		if parts[4] != "" {
			base = big.NewInt(1024)
		}
		for range map[string]int{"k": 1, "m": 2, "g": 3}[strings.ToLower(parts[3])] {
			want.Mul(want, base)
		}
		if want.IsInt64() != (err == nil) || err == nil && got != want.Int64() {
			t.Errorf("%q: %d, %v, want %v", s, got, err, want)
		}
	})
}

// FuzzRate holds that a rate comes out as it is written.
func FuzzRate(f *testing.F) {
	for _, s := range []string{"10/s", "0.5 / m", "1000/h", "1e3/s", "0/s", "-1/s", "NaN/s", "inf/s", "1/d", "1000001/s", "/s", "1/"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^[\s\v]*([0-9.]+)[\s\v]*/[\s\v]*([smh])[\s\v]*$`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseRate(s)
		if err != nil {
			return
		}
		parts := form.FindStringSubmatch(s)
		if parts == nil {
			t.Fatalf("%q is %v a second", s, got)
		}
		number, _ := strconv.ParseFloat(parts[1], 64)
		seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[parts[2]]
		if number <= 0 || number > maxRate || got != number/seconds {
			t.Errorf("%q is %v a second", s, got)
		}
	})
}

// FuzzAddress holds addresses to listen on against package net, which is what
// gets them.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"80", "*:80", ":80", "127.0.0.1:80", "[::1]:80", "[::ffff:1.2.3.4]:1", "localhost:65535", "unix:/run/x", "080", "+80", "::1:80", "[::1%lo]:80", "1.2.3:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		if a.Network == "unix" {
			if "unix:"+a.Path != s || strings.ContainsAny(s, "\x00\n") {
				t.Errorf("%q is %+v", s, a)
			}
			return
		}
		host, port := "", s
		if strings.Contains(s, ":") {
			if host, port, err = net.SplitHostPort(s); err != nil {
				t.Fatalf("%q is %+v; package net says %v", s, a, err)
			}
		}
		if strconv.Itoa(int(a.Port)) != port || a.Port == 0 {
			t.Errorf("%q has the port %d", s, a.Port)
		}
		if addr, err := netip.ParseAddr(host); err == nil {
			host = addr.Unmap().String()
		}
		if want := strings.TrimPrefix(strings.ToLower(host), "*"); strings.ToLower(a.Host) != want {
			t.Errorf("%q has the host %q, want %q", s, a.Host, want)
		}
	})
}

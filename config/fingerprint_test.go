package config

import "testing"

// TestFingerprint holds that rules count as the same if and only if they say the
// same.
func TestFingerprint(t *testing.T) {
	of := func(target string) [32]byte {
		t.Helper()
		cfg, faults := Parse("f", []byte("ports: {80: "+target+"}"))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		return Fingerprint(cfg.Ports[0].Target)
	}
	same := [][2]string{
		{"8080", "   8080"},
		{`"websockify -> 22"`, `{$: websockify, target: 22}`},
		{`["auth -> a", {"x.com": 80}]`, "[ 'auth -> a',\n  { x.com: 80 } ]"},
		{`["allow -> 10.0.0.0/8", 80]`, `[{$: allow, addresses: [10.0.0.0/8]}, 80]`},
	}
	for _, pair := range same {
		if of(pair[0]) != of(pair[1]) {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
	all := []string{
		"8080", "8081", `"redirect -> https://8080"`, `["auth -> a", 8080]`, `["auth -> b", 8080]`, `["log -> a", 8080]`,
		`["allow -> 10.0.0.0/8", 8080]`, `["allow -> 10.0.0.0/9", 8080]`, `["deny -> 10.0.0.0/8", 8080]`,
		`{"a.com": 8080}`, `{"b.com": 8080}`, `{"a.com": 8080, "b.com": 8080}`, `{"b.com": 8080, "a.com": 8080}`,
		`{$: websockify, target: 22}`, `{$: websockify, target: 22, ping: 0}`, `{$: websockify, target: 22, ping: 25s}`,
		`{$: websockify, target: 22, allow: []}`, `{$: websockify, target: 22, allow: ["a:1", "b:2"]}`, `{$: websockify, target: 22, allow: ["a:1", "b:2"], origins: []}`,
		`{$: websockify, target: 22, origins: ["https://a", "https://b"]}`, `{$: websockify, target: 22, maxTunnels: 1}`,
		`{$: proxy, targets: [8080, 8081]}`, `{$: proxy, targets: [8081, 8080]}`, `{$: proxy, targets: [8080, {target: 8081, weight: 2}]}`,
		`{$: proxy, target: 8080, retries: 0}`, `{$: proxy, target: 8080, retries: 1}`, `{$: proxy, target: 8080, timeout: 1s}`, `{$: proxy, target: 8080, clientTimeout: 1s}`,
	}
	seen := make(map[[32]byte]string)
	for _, target := range all {
		sum := of(target)
		if seen[sum] != "" {
			t.Errorf("%s and %s have the same", seen[sum], target)
		}
		seen[sum] = target
	}
}

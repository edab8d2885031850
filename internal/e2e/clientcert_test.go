//go:build unix

package e2e

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// clientCA makes a root for clients in dir, and two certificates: of Ann, and of
// Ann by another root of the same name.
func clientCA(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, who := range []string{"ours", "theirs"} {
		key := newKey()
		root := sign(&x509.Certificate{
			Subject: pkix.Name{CommonName: "Clients"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}, nil, key.Public(), key)
		writeFile(t, filepath.Join(dir, who+"-root.pem"), pemText("CERTIFICATE", root.Raw))
		a := &authority{root: root, intermediate: root, key: key}
		a.write(t, dir, who, newKey(), &x509.Certificate{
			Subject:     pkix.Name{CommonName: "Ann", Organization: []string{"Example"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
	}
	return dir
}

func TestCurlClientCertificate(t *testing.T) {
	t.Parallel()
	curl := need(t, "curl", "curl")
	dir := clientCA(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	with := func(who string) []string { return []string{"--cert", in(who + ".crt"), "--key", in(who + ".key")} }
	for _, mode := range []string{"require", "request"} {
		s := startSecure(t, fmt.Sprintf(", clientAuth: {ca: %q, mode: %s}", in("ours-root.pem"), mode))
		_, port, _ := strings.Cut(s.ports[0], ":")
		for _, test := range []struct {
			name string
			args []string
			seen string // what the app is told; "-" when there is no answer
		}{
			{"Ann", with("ours"), "CN=Ann,O=Example"},
			{"a stranger", with("theirs"), "-"},
			{"nobody", nil, map[string]string{"require": "-", "request": ""}[mode]},
		} {
			for _, version := range []string{"--http1.1", "--http2"} {
				t.Run(mode+"/"+test.name+version, func(t *testing.T) {
					got := run(t, nil, nil, curl, append([]string{"-sS", version, "--cacert", testCA().rootFile(t),
						"--resolve", secureHost + ":" + port + ":127.0.0.1", "-H", "X-Client: CN=root",
						"https://" + secureHost + ":" + port + "/"}, test.args...)...)
					if test.seen == "-" {
						if got.code == 0 || got.stdout != "" {
							t.Errorf("answered:\n%s", got.stdout)
						}
						return
					}
					if got.code != 0 {
						t.Fatalf("exit code %d: %s", got.code, got.stderr)
					}
					lines := strings.Split(strings.ReplaceAll(got.stdout, "\r", ""), "\n")
					var told []string
					for _, line := range lines {
						if strings.HasPrefix(line, "X-Client:") {
							told = append(told, strings.TrimSpace(strings.TrimPrefix(line, "X-Client:")))
						}
					}
					if len(told) != 1 || told[0] != test.seen {
						t.Errorf("the app is told %q, want %q", told, test.seen)
					}
				})
			}
		}
	}
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"httpmaster/internal/certs"
)

// scanCert makes a certificate and its key as PEM; with a nil parent it is an
// authority.
type scanCert struct {
	cert     *x509.Certificate
	key      *ecdsa.PrivateKey
	pem, kem string
}

func newScanCert(t *testing.T, parent *scanCert, name string, days int, more ...string) *scanCert {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		NotBefore: time.Now().AddDate(0, 0, -30),
		NotAfter:  time.Now().AddDate(0, 0, days).Add(time.Hour),
		DNSNames:  append([]string{name}, more...),
	}
	signer, by := key, template
	if parent == nil {
		template.DNSNames, template.Subject = nil, pkix.Name{CommonName: name}
		template.IsCA, template.BasicConstraintsValid = true, true
	} else {
		signer, by = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &scanCert{
		cert: cert, key: key,
		pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		kem: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
	}
}

func scanFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// date is that of a day from now, as the table writes it.
func date(days int) string {
	return time.Now().AddDate(0, 0, days).Add(time.Hour).UTC().Format(time.DateOnly)
}

func runCertScan(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = certScan(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestCertScanTable(t *testing.T) {
	ca := newScanCert(t, nil, "Test CA", 1000)
	good := newScanCert(t, ca, "a.test", 20)
	keyless := newScanCert(t, ca, "keyless.test", 1)
	expired := newScanCert(t, ca, "expired.test", -3)
	longer, both := newScanCert(t, ca, "a.test", 40), newScanCert(t, ca, "a.test", 30, "b.test")
	late := newScanCert(t, ca, "late.test", 5)
	for _, tt := range []struct {
		name   string
		files  map[string]string
		status int
		want   []string
	}{
		{
			name:  "all is well",
			files: map[string]string{"ca.pem": ca.pem, "live/cert.pem": good.pem, "live/key.pem": good.kem, "readme": "x"},
			want: []string{
				`FILE           HOLDS        NAMES       ISSUER   EXPIRES                 KEY           CHAIN     SERVED`,
				`ca.pem         authority    "Test CA"   itself   ` + date(1000) + ` (1000 days)`,
				`live/cert.pem  certificate  a.test      Test CA  ` + date(20) + ` (20 days)    live/key.pem  complete  yes`,
				`live/key.pem   1 key        for a.test`,
				`readme         other`,
				``,
				`1 certificate can be served`,
			},
		},
		{
			name: "what has to be mended",
			files: map[string]string{
				"1": good.pem + good.kem + ca.pem, "2": keyless.pem, "3": expired.pem + expired.kem, "4": good.kem[:99], "5": strings.Repeat("x", 1<<20+1),
			},
			status: 1,
			want: []string{
				`FILE  HOLDS        NAMES             ISSUER   EXPIRES                 KEY        CHAIN     SERVED`,
				`1     certificate  a.test            Test CA  ` + date(20) + ` (20 days)    here       complete  yes`,
				`      authority    "Test CA"         itself   ` + date(1000) + ` (1000 days)`,
				`      1 key        for a.test`,
				`2     certificate  keyless.test      Test CA  ` + date(1) + ` (1 day)      not found  complete  no`,
				`3     certificate  expired.test      Test CA  ` + date(-3) + ` (expired)    here       complete  no`,
				`      1 key        for expired.test`,
				`4     unusable`,
				`5     too large`,
				``,
				`mend  2: certificate for keyless.test: its private key was not found, not used`,
				`mend  3: certificate for expired.test: expired on ` + date(-3) + `, not used`,
				`mend  4: a certificate or key in it is damaged or cut short`,
				`note  5: larger than 1 MiB, not looked at`,
				`1 certificate can be served, 3 things to mend`,
			},
		},
		{
			name: "which is served",
			files: map[string]string{
				"ca": ca.pem, "1": good.pem + good.kem, "2": longer.pem + longer.kem, "3": both.pem + both.kem,
			},
			want: []string{
				`FILE  HOLDS        NAMES               ISSUER   EXPIRES                 KEY   CHAIN     SERVED`,
				`1     certificate  a.test              Test CA  ` + date(20) + ` (20 days)    here  complete  another lasts longer`,
				`      1 key        for a.test`,
				`2     certificate  a.test              Test CA  ` + date(40) + ` (40 days)    here  complete  yes`,
				`      1 key        for a.test`,
				`3     certificate  a.test, b.test      Test CA  ` + date(30) + ` (30 days)    here  complete  for b.test`,
				`      1 key        for a.test, b.test`,
				`ca    authority    "Test CA"           itself   ` + date(1000) + ` (1000 days)`,
				``,
				`3 certificates can be served`,
			},
		},
		{
			name:   "soon over",
			files:  map[string]string{"1": late.pem + late.kem + ca.pem},
			status: 1,
			want: []string{
				`FILE  HOLDS        NAMES          ISSUER   EXPIRES                 KEY   CHAIN     SERVED`,
				`1     certificate  late.test      Test CA  ` + date(5) + ` (5 days)     here  complete  yes`,
				`      authority    "Test CA"      itself   ` + date(1000) + ` (1000 days)`,
				`      1 key        for late.test`,
				``,
				`mend  1: certificate for late.test: expires on ` + date(5) + `, in 5 days, and has not been renewed`,
				`1 certificate can be served, 1 thing to mend`,
			},
		},
		{
			name:   "the issuer is missing",
			files:  map[string]string{"1": good.pem + good.kem},
			status: 1,
			want: []string{
				`FILE  HOLDS        NAMES       ISSUER   EXPIRES               KEY   CHAIN              SERVED`,
				`1     certificate  a.test      Test CA  ` + date(20) + ` (20 days)  here  "Test CA" missing  yes`,
				`      1 key        for a.test`,
				``,
				`mend  1: certificate for a.test: the certificate of its issuer "Test CA" was not found, many clients will refuse it; put it into the folder`,
				`1 certificate can be served, 1 thing to mend`,
			},
		},
		{
			name:   "empty",
			status: 1,
			want:   []string{`FILE  HOLDS  NAMES  ISSUER  EXPIRES  KEY  CHAIN  SERVED`, ``, `0 certificates can be served`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := runCertScan(scanFolder(t, tt.files))
			if status != tt.status || errs != "" {
				t.Errorf("status %d, stderr %q", status, errs)
			}
			got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestCertScanJSON(t *testing.T) {
	ca := newScanCert(t, nil, "Test CA", 1000)
	good := newScanCert(t, ca, "a.test", 20)
	dir := scanFolder(t, map[string]string{"ca": ca.pem, "x": good.pem, "y": "-----BEGIN CERTIFICATE-----"})
	status, out, _ := runCertScan(dir, "--json")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	var got any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	end := good.cert.NotAfter.Format(time.RFC3339)
	begin := good.cert.NotBefore.Format(time.RFC3339)
	var want any
	text := strings.NewReplacer("DIR", dir, "END", end, "BEGIN", begin).Replace(`{
		"folder": "DIR", "ok": false,
		"certificates": [{
			"names": ["a.test"], "addresses": [], "issuer": "Test CA", "notBefore": "BEGIN", "notAfter": "END", "days": 20,
			"files": ["DIR/x"], "keyFiles": [], "chain": [], "missingIssuer": "", "chainEnd": "", "mustStaple": false, "serves": [], "served": false, "problem": "its private key was not found"
		}],
		"files": [
			{"path": "DIR/ca", "sameAs": "", "certificates": 0, "authorities": 1, "keys": 0, "problems": []},
			{"path": "DIR/x", "sameAs": "", "certificates": 1, "authorities": 0, "keys": 0, "problems": []},
			{"path": "DIR/y", "sameAs": "", "certificates": 0, "authorities": 0, "keys": 0, "problems": ["a certificate or key in it is damaged or cut short"]}
		],
		"notices": [
			{"file": "DIR/x", "text": "certificate for a.test: its private key was not found, not used", "mend": true},
			{"file": "DIR/y", "text": "a certificate or key in it is damaged or cut short", "mend": true}
		]
	}`)
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	gotText, _ := json.MarshalIndent(got, "", " ")
	wantText, _ := json.MarshalIndent(want, "", " ")
	if string(gotText) != string(wantText) {
		t.Errorf("got\n%s\nwant\n%s", gotText, wantText)
	}
}

func TestCertScanUsage(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for _, tt := range []struct {
		name        string
		args        []string
		status      int
		out, errors string
	}{
		{"nothing", nil, 2, "", "http-master: cert-scan: which one folder? cert-scan DIR (--help shows how it is used)\n"},
		{"two folders", []string{"a", "b"}, 2, "", "http-master: cert-scan: which one folder? cert-scan DIR (--help shows how it is used)\n"},
		{"unknown flag", []string{"--jsn", "a"}, 2, "", "http-master: cert-scan: flag provided but not defined: -jsn (--help shows how it is used)\n"},
		{"help", []string{"--help"}, 0, commands.Help("cert-scan"), ""},
		{"no such folder", []string{absent}, 1, "", "http-master: certificate folder " + absent + ": no such file or directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := runCertScan(tt.args...)
			if status != tt.status || out != tt.out || errs != tt.errors {
				t.Errorf("got %d, %q, %q", status, out, errs)
			}
		})
	}
}

// check looks at certificate folders with the same eyes.
func TestCheckTellsWhatCertScanDoes(t *testing.T) {
	ca := newScanCert(t, nil, "Test CA", 1000)
	keyless, late := newScanCert(t, ca, "keyless.test", 60), newScanCert(t, ca, "late.test", 5)
	dir := scanFolder(t, map[string]string{"1": keyless.pem, "2": late.pem + late.kem, "3": late.kem[:99]})
	_, out, _ := runCertScan(dir, "--json")
	var scan jsonScan
	if err := json.Unmarshal([]byte(out), &scan); err != nil || len(scan.Notices) != 4 {
		t.Fatalf("%d notices, %v", len(scan.Notices), err)
	}
	file := filepath.Join(scanFolder(t, map[string]string{"c.yaml": "ports: {443: {router: {'*': 8080}, ssl: {certDir: " + dir + "}}}"}), "c.yaml")
	var stdout, stderr strings.Builder
	if status := check([]string{"--config", file}, &stdout, &stderr); status != exitOK {
		t.Errorf("status %d", status)
	}
	for _, n := range scan.Notices {
		if !strings.Contains(stderr.String(), n.Text) {
			t.Errorf("check does not say %q:\n%s", n.Text, &stderr)
		}
	}
}

// What a chain looks like that does not end here depends on whom the machine
// trusts, so that these are made by hand.
func TestChainOf(t *testing.T) {
	leaf := &x509.Certificate{RawSubject: []byte("leaf"), RawIssuer: []byte("inner")}
	inner := []*x509.Certificate{{Subject: pkix.Name{CommonName: "inner"}}}
	for want, c := range map[string]*certs.Certificate{
		`"inner" missing`:        {Leaf: leaf, Missing: "inner"},
		`inner, "outer" missing`: {Leaf: leaf, Issuers: inner, Missing: "outer"},
		`inner, up to "root"`:    {Leaf: leaf, Issuers: inner, Ends: "root"},
		`complete: inner`:        {Leaf: leaf, Issuers: inner},
		`self-signed`:            {Leaf: &x509.Certificate{}},
	} {
		if got := chainOf(c); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

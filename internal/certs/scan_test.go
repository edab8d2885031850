package certs

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func scanned(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := ScanDir(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// outline is every usable certificate as "names < issuers: file + key file".
func outline(f *Folder) []string {
	var out []string
	for _, c := range f.Usable() {
		text := strings.Join(c.all(), ",")
		for _, issuer := range c.Issuers {
			text += " < " + issuer.Subject.CommonName
		}
		out = append(out, fmt.Sprintf("%s: %s + %s", text, below(f, c.Files...), below(f, c.KeyFiles...)))
	}
	return out
}

// below gives paths as they are below the folder.
func below(f *Folder, paths ...string) string {
	return strings.ReplaceAll(strings.Join(paths, " "), f.Dir+string(filepath.Separator), "")
}

func noticeLines(f *Folder) []string {
	var out []string
	for _, n := range f.Notices {
		text := below(f, n.String())
		if n.Minor {
			text = "(minor) " + text
		}
		out = append(out, text)
	}
	return out
}

func TestScanDirLayouts(t *testing.T) {
	a := newAuthority(t, "one")
	p, q := a.leaf(t, "a.test", "*.a.test"), a.leaf(t, "b.test")
	older := a.sub.issue(t, template{names: []string{"a.test"}, days: 20})
	gone := a.sub.issue(t, template{names: []string{"a.test"}, days: -5})
	for _, tt := range []struct {
		name  string
		build func(dir string)
		want  []string
	}{
		{
			name: "plain",
			build: func(dir string) {
				write(t, dir, "a.crt", certPEM(p), "a.key", keyPEM(p), "chain.crt", certPEM(a.root, a.sub))
			},
			want: []string{"a.test,*.a.test < one sub: a.crt + a.key"},
		},
		{
			name: "everything in one file, the chain upside down, no extension",
			build: func(dir string) {
				write(t, dir, "x", certPEM(a.root, a.sub)+keyPEM(p)+certPEM(p))
			},
			want: []string{"a.test,*.a.test < one sub: x + x"},
		},
		{
			name: "DER",
			build: func(dir string) {
				write(t, dir, "a.cer", string(p.cert.Raw), "sub.cer", string(a.sub.cert.Raw),
					"a.der", string(must(x509.MarshalPKCS8PrivateKey(p.key))))
			},
			want: []string{"a.test,*.a.test < one sub: a.cer + a.der"},
		},
		{
			name: "certbot with live and archive",
			build: func(dir string) {
				for i, c := range []*pair{gone, older, p} {
					n := fmt.Sprint(i+1, ".pem")
					write(t, dir, "archive/a/cert"+n, certPEM(c), "archive/a/privkey"+n, keyPEM(c),
						"archive/a/chain"+n, certPEM(a.sub), "archive/a/fullchain"+n, certPEM(c, a.sub))
				}
				for _, part := range []string{"cert", "privkey", "chain", "fullchain"} {
					link(t, dir, "../../archive/a/"+part+"3.pem", "live/a/"+part+".pem")
				}
				write(t, dir, "renewal/a.conf", "x = y\n", "accounts/x/private_key.json", `{"n": "-----BEGIN PRIVATE KEY-----"}`)
			},
			want: []string{
				"a.test < one sub: archive/a/cert2.pem archive/a/fullchain2.pem + archive/a/privkey2.pem",
				"a.test,*.a.test < one sub: archive/a/cert3.pem archive/a/fullchain3.pem live/a/cert.pem live/a/fullchain.pem + archive/a/privkey3.pem live/a/privkey.pem",
			},
		},
		{
			name: "only certbot's live",
			build: func(dir string) {
				elsewhere := t.TempDir()
				write(t, elsewhere, "c1.pem", certPEM(p, a.sub), "k1.pem", keyPEM(p))
				link(t, dir, elsewhere+"/c1.pem", "a/fullchain.pem")
				link(t, dir, elsewhere+"/k1.pem", "a/privkey.pem")
			},
			want: []string{"a.test,*.a.test < one sub: a/fullchain.pem + a/privkey.pem"},
		},
		{
			name: "acme.sh",
			build: func(dir string) {
				write(t, dir, "account.conf", "x=y", "ca/account.key", keyPEM(q),
					"a.test_ecc/a.test.cer", certPEM(p), "a.test_ecc/a.test.key", keyPEM(p), "a.test_ecc/ca.cer", certPEM(a.sub),
					"a.test_ecc/fullchain.cer", certPEM(p, a.sub), "a.test_ecc/a.test.csr", block("CERTIFICATE REQUEST", []byte{1}))
			},
			want: []string{"a.test,*.a.test < one sub: a.test_ecc/a.test.cer a.test_ecc/fullchain.cer + a.test_ecc/a.test.key"},
		},
		{
			name: "Caddy",
			build: func(dir string) {
				for name, c := range map[string]*pair{"wildcard_.a.test": p, "b.test": q} {
					base := "certificates/acme-v02.api.letsencrypt.org-directory/" + name + "/" + name
					write(t, dir, base+".crt", certPEM(c, a.sub), base+".key", keyPEM(c), base+".json", `{"sans": []}`)
				}
			},
			want: []string{
				"b.test < one sub: " + join("certificates/acme-v02.api.letsencrypt.org-directory/b.test/b.test.crt + certificates/acme-v02.api.letsencrypt.org-directory/b.test/b.test.key"),
				"a.test,*.a.test < one sub: " + join("certificates/acme-v02.api.letsencrypt.org-directory/wildcard_.a.test/wildcard_.a.test.crt + certificates/acme-v02.api.letsencrypt.org-directory/wildcard_.a.test/wildcard_.a.test.key"),
			},
		},
		{
			name: "Kubernetes secret",
			build: func(dir string) {
				write(t, dir, "..2024/tls.crt", certPEM(p, a.sub), "..2024/tls.key", keyPEM(p))
				link(t, dir, "..2024", "..data")
				link(t, dir, "..data/tls.crt", "tls.crt")
				link(t, dir, "..data/tls.key", "tls.key")
			},
			want: []string{"a.test,*.a.test < one sub: ..2024/tls.crt tls.crt + ..2024/tls.key tls.key"},
		},
		{
			name: "links in a circle",
			build: func(dir string) {
				write(t, dir, "sub/a.pem", certPEM(p, a.sub)+keyPEM(p))
				link(t, dir, "..", "sub/up")
				link(t, dir, "sub", "again")
			},
			want: []string{"a.test,*.a.test < one sub: again/a.pem + again/a.pem"},
		},
		{
			name: "self-signed, marked as an authority",
			build: func(dir string) {
				var none *pair
				c := none.issue(t, template{names: []string{"s.test"}, ips: []string{"192.0.2.1", "2001:db8::1"}, ca: true})
				write(t, dir, "c.pem", certPEM(c), "k.pem", keyPEM(c))
			},
			want: []string{"s.test,192.0.2.1,2001:db8::1: c.pem + k.pem"},
		},
		{
			name: "two certificates for one key",
			build: func(dir string) {
				second := a.sub.issue(t, template{names: []string{"c.test"}, key: p.key})
				write(t, dir, "1.pem", certPEM(p, a.sub), "2.pem", certPEM(second), "k.pem", keyPEM(p))
			},
			want: []string{"a.test,*.a.test < one sub: 1.pem + k.pem", "c.test < one sub: 2.pem + k.pem"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.build(dir)
			write(t, dir, "root.pem", certPEM(a.root))
			f := scanned(t, dir)
			if got := outline(f); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if len(f.Notices) > 0 {
				t.Errorf("notices: %q", noticeLines(f))
			}
		})
	}
}

// join leaves paths as they are; it keeps long ones readable above.
func join(s string) string { return filepath.FromSlash(s) }

func TestScanDirNotices(t *testing.T) {
	a := newAuthority(t, "one")
	p := a.leaf(t, "a.test")
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{
			name:  "expired",
			files: pairFiles(a.sub.issue(t, template{names: []string{"old.test"}, days: -3})),
			want:  []string{"c.pem: certificate for old.test: expired on " + day(time.Now().AddDate(0, 0, -3)) + ", not used"},
		},
		{
			name:  "not yet valid",
			files: pairFiles(a.sub.issue(t, template{names: []string{"new.test"}, from: 3})),
			want:  []string{"c.pem: certificate for new.test: is valid only from " + day(time.Now().AddDate(0, 0, 3)) + ", not used"},
		},
		{
			name:  "no key",
			files: []string{"c.pem", certPEM(p)},
			want:  []string{"c.pem: certificate for a.test: its private key was not found, not used"},
		},
		{
			name:  "another's key",
			files: []string{"c.pem", certPEM(p), "k.pem", keyPEM(a.leaf(t, "b.test"))},
			want:  []string{"c.pem: certificate for a.test: its private key was not found, not used"},
		},
		{
			name:  "encrypted key",
			files: []string{"k.pem", fixture(t, "encrypted-pkcs8.pem")},
			want:  []string{"k.pem: " + textEncrypted},
		},
		{
			name:  "common name only",
			files: pairFiles(a.sub.issue(t, template{cn: "cn.test"})),
			want:  []string{`c.pem: certificate for "cn.test": has no subject alternative name, which every client asks for, not used`},
		},
		{
			name:  "client's",
			files: pairFiles(a.sub.issue(t, template{names: []string{"me"}, usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})),
			want:  []string{"(minor) c.pem: certificate for me: is for clients only (its extended key usage says so), not used"},
		},
		{
			name:  "expired and replaced",
			files: append(pairFiles(p), "old.pem", certPEM(a.sub.issue(t, template{names: []string{"a.test"}, days: -3}))),
		},
		{
			name:  "large file",
			files: append(pairFiles(p), "big", strings.Repeat("x", maxFileSize+1)),
			want:  []string{"(minor) big: larger than 1 MiB, not looked at"},
		},
		{
			name:  "half a key",
			files: []string{"c.pem", certPEM(p), "k.pem", keyPEM(p)[:100]},
			want: []string{
				"c.pem: certificate for a.test: its private key was not found, not used",
				"k.pem: a certificate or key in it is damaged or cut short",
			},
		},
		{
			name:  "authority's key",
			files: []string{"root.pem", certPEM(a.root), "root.key", keyPEM(a.root)},
			want:  []string{`(minor) root.pem: the certificate of "one root" is an authority's, not a server's, and its private key is in this folder`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, append([]string{"chain.pem", certPEM(a.sub), "root.pem", certPEM(a.root)}, tt.files...)...)
			if got := noticeLines(scanned(t, dir)); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func pairFiles(p *pair) []string { return []string{"c.pem", certPEM(p), "k.pem", keyPEM(p)} }

// What a link leads to is listed, but is neither read nor told about again.
func TestScanDirLinks(t *testing.T) {
	p := newAuthority(t, "one").leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "c.pem", certPEM(p)+keyPEM(p)[:99])
	link(t, dir, "c.pem", "link.pem")
	f := scanned(t, dir)
	if len(f.Files) != 2 || len(f.Notices) != 2 || len(f.Certificates) != 1 {
		t.Fatalf("%d files, %d certificates, notices %q", len(f.Files), len(f.Certificates), noticeLines(f))
	}
	if file := f.Files[1]; file.SameAs != f.Files[0].Path || len(file.Certificates) != 1 || len(file.Problems) != 1 {
		t.Errorf("the link: %+v", file)
	}
}

func TestScanDirItself(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	_, err := ScanDir(dir, time.Now())
	if want := "certificate folder " + dir + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "")
	if _, err = ScanDir(file, time.Now()); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// A server that has a link in place of its folder is common enough.
func TestScanDirIsLink(t *testing.T) {
	p := newAuthority(t, "one").leaf(t, "a.test")
	dir := t.TempDir()
	write(t, dir, "real/c.pem", certPEM(p)+keyPEM(p))
	link(t, dir, "real", "current")
	if got := outline(scanned(t, filepath.Join(dir, "current"))); !slices.Equal(got, []string{"a.test: c.pem + c.pem"}) {
		t.Errorf("got %q", got)
	}
}

// Thousands of certificates, as a hoster has them.
func TestScanDirManyFiles(t *testing.T) {
	const many = 1000
	a := newAuthority(t, "one")
	dir := t.TempDir()
	write(t, dir, "chain.pem", certPEM(a.sub, a.root))
	certs := make([]*pair, many)
	for i := range certs {
		certs[i] = a.leaf(t, fmt.Sprintf("n%d.test", i))
		sub := fmt.Sprintf("%d/%d", i%50, i)
		write(t, dir, sub+"/cert.pem", certPEM(certs[i]), sub+"/privkey.pem", keyPEM(certs[i]))
	}
	s := newStore(t, Options{Dir: dir})
	if got := s.Summary().Certificates; got != many {
		t.Errorf("%d certificates, want %d", got, many)
	}
	for _, i := range []int{0, many / 2, many - 1} {
		wantServed(t, s, fmt.Sprintf("n%d.test", i), certs[i])
	}
	next := a.leaf(t, "n7.test")
	write(t, dir, "7/7/cert.pem", certPEM(next), "7/7/privkey.pem", keyPEM(next))
	settle(s)
	wantServed(t, s, "n7.test", next)
}

func TestScanDirTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range maxEntries + 1 {
		write(t, dir, fmt.Sprint(i), "")
	}
	f := scanned(t, dir)
	if got, want := noticeLines(f), dir+": more than 20000 files: the rest is not looked at"; len(got) != 1 || got[0] != want || len(f.Files) != maxEntries {
		t.Errorf("%d files, %q, want %q", len(f.Files), got, want)
	}
}

func TestLoadCAPool(t *testing.T) {
	a := newAuthority(t, "one")
	dir := t.TempDir()
	write(t, dir, "good", certPEM(a.sub, a.root), "none", "text", "half", certPEM(a.root)+certPEM(a.sub)[:90])
	pool, err := LoadCAPool(filepath.Join(dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.leaf(t, "a.test").cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: "a.test"}); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{
		"none":   "there is no certificate in it",
		"half":   "a certificate or key in it is damaged or cut short",
		"absent": "cannot be read: no such file or directory",
	} {
		file = filepath.Join(dir, file)
		if _, err := LoadCAPool(file); err == nil || err.Error() != file+": "+want {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

func TestHostName(t *testing.T) {
	for written, want := range map[string]string{
		"A.Test.":     "a.test",
		"*.A.test":    "*.a.test",
		"źdźbło.pl":   "xn--dbo-iwa1zb.pl",
		"*.Źdźbło.pl": "*.xn--dbo-iwa1zb.pl",
		"my_host":     "my_host",
		"":            "",
		"a..b":        "",
		"a b":         "",
		"*.*.a.test":  "",
		"a.*":         "",
		"[::1]":       "",
	} {
		got, err := hostName(written)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("hostName(%q) = %q, %v, want %q", written, got, err, want)
		}
	}
}

func TestPublicIDKinds(t *testing.T) {
	for _, k := range []crypto.Signer{newKey(t), rsaKey()} {
		if publicID(k.Public()) == "" {
			t.Errorf("no identity for %T", k)
		}
	}
	if publicID("nonsense") != "" {
		t.Error("an identity for what is no key")
	}
}

//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// lab is what all cases share: a folder, a certificate, and backends.
type lab struct {
	dir        string
	httpMaster string
	length     time.Duration // of one load
	rounds     int

	cert, key, both string // files: the certificate, its key, one behind the other

	files    *process // nginx: /small, /10m
	services *process // part services
	// Addresses of the backends: files, a reader of uploads, and TCP services
	// that echo, read all, and write all the time.
	app, upload, echo, sink, source string
}

const (
	smallBody    = 128
	downloadBody = 10 << 20
	uploadBody   = 1 << 20
)

func (l *lab) prepare(ctx context.Context) error {
	if err := l.issue(); err != nil {
		return err
	}
	www := filepath.Join(l.dir, "www")
	if err := os.Mkdir(www, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(l.dir, 0o755); err != nil { // nginx's workers are somebody else
		return err
	}
	for name, size := range map[string]int{"small": smallBody, "10m": downloadBody} {
		if err := os.WriteFile(filepath.Join(www, name), make([]byte, size), 0o644); err != nil {
			return err
		}
	}
	write(l.dir, "upload", strings.Repeat("u", uploadBody))
	port, err := freePort()
	if err != nil {
		return err
	}
	l.app = fmt.Sprintf("127.0.0.1:%d", port)
	config := write(l.dir, "backend.conf", fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/backend.pid; error_log %[1]s/backend.log;
events { worker_connections 32768; }
http { access_log off; sendfile on; root %[1]s/www; keepalive_requests 1000000000; keepalive_timeout 600s; client_body_temp_path %[1]s/bb; proxy_temp_path %[1]s/bp; fastcgi_temp_path %[1]s/bf; uwsgi_temp_path %[1]s/bu; scgi_temp_path %[1]s/bs;
  server { listen %[2]s backlog=4096; location = /small { return 200 "%[3]s"; } } }
`, l.dir, l.app, strings.Repeat("x", smallBody)))
	if l.files, err = start(ctx, l.dir, loadCores, "nginx", "-e", filepath.Join(l.dir, "backend.log"), "-c", config); err != nil {
		return err
	}
	if err := l.files.listens(l.app); err != nil {
		return err
	}
	return l.startServices(ctx)
}

// startServices starts the backends that are this program's own, and reads
// their addresses.
func (l *lab) startServices(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := command(ctx, loadCores, self, "part", "services")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	l.services = &process{cmd: cmd}
	_, err = fmt.Fscan(bufio.NewReader(out), &l.upload, &l.echo, &l.sink, &l.source)
	return err
}

func (l *lab) stopBackends() {
	for _, p := range []*process{l.files, l.services} {
		if p != nil {
			p.stop()
		}
	}
}

// issue makes the certificate that all servers have.
func (l *lab) issue() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 30),
		DNSNames: []string{"bench.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	l.cert, l.key, l.both = write(l.dir, "cert.pem", cert), write(l.dir, "key.pem", private), write(l.dir, "both.pem", cert+private)
	return nil
}

// descriptors is how many files a process may have open.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Max, 1<<20))
}

// describe says what was measured and where.
func (l *lab) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s; %d rounds of %v\n\n", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), processor(), l.rounds, l.length)
	for _, v := range [][]string{{l.httpMaster, "--version"}, {"go", "version"}, {"nginx", "-v"}, {"haproxy", "-v"}, {"caddy", "version"}, {os.Getenv("CADDY_NEWEST"), "version"}, {"wrk", "-v"}, {"h2load", "--version"}} {
		if v[0] == "" {
			continue
		}
		out, _ := exec.Command(v[0], v[1:]...).CombinedOutput() // wrk exits with 1
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		fmt.Fprintf(&b, "- %s: %s\n", filepath.Base(v[0]), line)
	}
	return b.String()
}

// processor is the name that the kernel has for it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

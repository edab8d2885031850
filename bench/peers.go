//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// site is what a case has every server do.
type site struct {
	tls    bool
	rules  int    // hosts h0.test, h1.test, ...; 0: one rule for every host
	target string // host:port of the backend
}

// peer is a server that can be measured. config writes its files to dir and
// gives the command line.
type peer struct {
	name   string
	config func(l *lab, s site, dir string, port int) (file string, args []string)
}

var (
	nginx      = &peer{"nginx", nginxConfig}
	haproxy    = &peer{"HAProxy", haproxyConfig}
	caddy      = &peer{"Caddy", caddyConfig("caddy")}
	httpMaster = &peer{"http-master", httpMasterConfig}

	haproxyTCP = &peer{"HAProxy, TCP mode", haproxyTCPConfig}
	socat      = &peer{"socat", socatConfig}
	websockify = &peer{"websockify", websockifyConfig}
	tunnelling = &peer{"http-master", tunnelConfig}
)

// webPeers are the servers of the HTTP cases, the one that ratios refer to
// first.
func webPeers() []*peer {
	peers := []*peer{nginx, haproxy, caddy}
	if newest := os.Getenv("CADDY_NEWEST"); newest != "" {
		peers = append(peers, &peer{"Caddy, newest", caddyConfig(newest)})
	}
	return append(peers, httpMaster)
}

// running is a peer that serves a site.
type running struct {
	*process
	peer    *peer
	address string
	ready   time.Duration // from its start until it listened

	client *process // dewebsockify in front of it, which is what address is then; or nil
}

// stop ends the server and the client in front of it.
func (r *running) stop() {
	if r.client != nil {
		r.client.stop()
	}
	r.process.stop()
}

// serve starts the server of a row in a folder of its own.
func (l *lab) serve(ctx context.Context, on row) (*running, error) {
	dir, err := os.MkdirTemp(l.dir, "peer")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	program, args := on.peer.config(l, on.site, dir, port)
	began := time.Now()
	proc, err := start(ctx, dir, serverCore, program, args...)
	if err != nil {
		return nil, err
	}
	r := &running{process: proc, peer: on.peer, address: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := proc.listens(r.address); err != nil {
		proc.stop()
		return nil, err
	}
	r.ready = time.Since(began)
	if on.resumed {
		if err := l.dewebsockify(ctx, r, dir); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// dewebsockify puts the client in front of r.
func (l *lab) dewebsockify(ctx context.Context, r *running, dir string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	local := fmt.Sprintf("127.0.0.1:%d", port)
	if r.client, err = start(ctx, dir, loadCores, filepath.Join(filepath.Dir(l.httpMaster), "dewebsockify"), "ws://"+r.address+"/", local); err != nil {
		return err
	}
	r.address = local
	return r.client.listens(local)
}

// write puts text into a file of dir. Its errors show when the server does not
// find it.
func write(dir, name, text string) string {
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err) // a folder just made for it
	}
	return file
}

func hosts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("h%d.test", i)
	}
	return all
}

func nginxConfig(l *lab, s site, dir string, port int) (string, []string) {
	var b strings.Builder
	fmt.Fprintf(&b, `daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 32768; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  client_max_body_size 0; keepalive_requests 1000000000; keepalive_timeout 600s;
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  upstream app { server %[2]s; keepalive 256; keepalive_requests 1000000000; }
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_request_buffering off;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
`, dir, s.target)
	listen := fmt.Sprintf("listen 127.0.0.1:%d backlog=4096", port)
	if s.tls {
		listen += " ssl http2"
		fmt.Fprintf(&b, "  ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;\n", l.cert, l.key)
	}
	if s.rules == 0 {
		fmt.Fprintf(&b, "  server { %s; location / { proxy_pass http://app; } }\n", listen)
	}
	for i, host := range hosts(s.rules) {
		if i > 0 {
			listen = fmt.Sprintf("listen 127.0.0.1:%d", port)
		}
		fmt.Fprintf(&b, "  server { %s; server_name %s; location / { proxy_pass http://app; } }\n", listen, host)
	}
	b.WriteString("}\n")
	return "nginx", []string{"-e", filepath.Join(dir, "error.log"), "-c", write(dir, "nginx.conf", b.String())}
}

// haproxyGlobal lets it have as many connections as it has descriptors for,
// each of which needs two.
func haproxyGlobal() string {
	return fmt.Sprintf("global\n  nbthread 1\n  maxconn %d\ndefaults\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n", (descriptors()-200)/2)
}

func haproxyConfig(l *lab, s site, dir string, port int) (string, []string) {
	bind := fmt.Sprintf("bind 127.0.0.1:%d backlog 4096", port)
	if s.tls {
		bind += " ssl crt " + l.both + " alpn h2,http/1.1"
	}
	choose := "  default_backend app\n"
	if s.rules > 0 {
		write(dir, "hosts.map", strings.Join(hosts(s.rules), " app\n")+" app\n")
		choose = fmt.Sprintf("  use_backend %%[req.hdr(host),lower,map(%s/hosts.map,none)]\n", dir)
	}
	return "haproxy", []string{"-f", write(dir, "haproxy.cfg", haproxyGlobal()+fmt.Sprintf(`  mode http
  option forwardfor
  http-reuse always
frontend in
  %s
%sbackend none
  http-request deny
backend app
  http-request set-header X-Forwarded-Proto %%[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %%[req.hdr(host)]
  server app %s
`, bind, choose, s.target))}
}

func caddyConfig(program string) func(l *lab, s site, dir string, port int) (string, []string) {
	return func(l *lab, s site, dir string, port int) (string, []string) {
		scheme, certificate := "http", ""
		if s.tls {
			scheme, certificate = "https", fmt.Sprintf("\ttls %s %s\n", l.cert, l.key)
		}
		names := hosts(s.rules)
		if s.rules == 0 {
			names = []string{""}
		}
		if s.tls {
			names = []string{"127.0.0.1", "bench.test"}
		}
		var b strings.Builder
		b.WriteString("{\n\tadmin off\n\tskip_install_trust\n\tauto_https off\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n")
		for _, name := range names {
			fmt.Fprintf(&b, "%s://%s:%d {\n\tbind 127.0.0.1\n%s\treverse_proxy %s\n}\n", scheme, name, port, certificate, s.target)
		}
		return program, []string{"run", "--adapter", "caddyfile", "--config", write(dir, "Caddyfile", b.String())}
	}
}

// settings are those of http-master's port: room for all connections that a case
// has, and a certificate where there is TLS.
func (l *lab) settings(s site) string {
	text := "    limits: {maxConnections: 30000}\n"
	if s.tls {
		text += fmt.Sprintf("    ssl: {cert: %q, key: %q}\n", l.cert, l.key)
	}
	return text
}

func httpMasterConfig(l *lab, s site, dir string, port int) (string, []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "ports:\n  \"127.0.0.1:%d\":\n%s    router:\n", port, l.settings(s))
	names := hosts(s.rules)
	if s.rules == 0 {
		names = []string{"*"}
	}
	for _, name := range names {
		fmt.Fprintf(&b, "      %q: %q\n", name, s.target)
	}
	return l.httpMaster, []string{"--config", write(dir, "config.yaml", b.String())}
}

func tunnelConfig(l *lab, s site, dir string, port int) (string, []string) {
	return l.httpMaster, []string{"--config", write(dir, "config.yaml",
		fmt.Sprintf("ports:\n  \"127.0.0.1:%d\":\n%s    router:\n      \"*\": \"websockify -> %s\"\n", port, l.settings(s), s.target))}
}

func haproxyTCPConfig(l *lab, s site, dir string, port int) (string, []string) {
	return "haproxy", []string{"-f", write(dir, "haproxy.cfg", haproxyGlobal()+fmt.Sprintf(`  mode tcp
listen in
  bind 127.0.0.1:%d backlog 4096
  server app %s
`, port, s.target))}
}

func socatConfig(_ *lab, s site, _ string, port int) (string, []string) {
	return "socat", []string{"-b", "65536", fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr,backlog=4096", port), "TCP:" + s.target}
}

func websockifyConfig(_ *lab, s site, _ string, port int) (string, []string) {
	return "websockify", []string{fmt.Sprintf("127.0.0.1:%d", port), s.target}
}

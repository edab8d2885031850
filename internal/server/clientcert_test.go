package server

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// identified is a config with one TLS port that tells the app who the client
// is. clientAuth is the port's, "" for none.
func identified(addr, certDir, app, clientAuth string) string {
	if clientAuth != "" {
		clientAuth = ", clientAuth: " + clientAuth
	}
	return fmt.Sprintf(`ports: {%q: {
		router: {"*": ["addHeader -> X-Subject=[tls.subject]", "addHeader -> X-Name=[tls.cn]", %q]},
		ssl: {certDir: %q%s}}}`, addr, app, certDir, clientAuth)
}

// asking is a clientAuth entry.
func asking(mode, file string) string { return fmt.Sprintf("{ca: %q, mode: %s}", file, mode) }

// namesApp answers with what it is told about the client.
func namesApp(t *testing.T) string {
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q", r.Header["X-Subject"], r.Header["X-Name"])
	})
}

// showing makes a client that shows cert, whatever the server asks for; nil
// shows none.
func showing(t *testing.T, addr string, cert *tls.Certificate, proto string) *http.Client {
	c := client(t, addr)
	transport := c.Transport.(*http.Transport)
	transport.Protocols.SetHTTP1(proto == "HTTP/1.1")
	transport.Protocols.SetHTTP2(proto == "HTTP/2.0")
	if cert == nil {
		cert = new(tls.Certificate)
	}
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	return c
}

var ann = pkix.Name{CommonName: "Ann", Organization: []string{"A, Inc."}}

const annSeen = `["CN=Ann,O=A\\, Inc."] ["Ann"]`
const nobodySeen = `[""] [""]`

func TestClientCertificate(t *testing.T) {
	ca, stranger := newCA(t, "clients"), newCA(t, "clients")
	app := namesApp(t)
	certDir := newCA(t, "servers").folder(t, "a.com")
	file := caFile(t, ca)
	forServers := ca.issue(t, &x509.Certificate{Subject: ann, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, mode := range []string{"require", "request"} {
		addr := freePorts(t, 1)[0]
		start(t, identified(addr, certDir, app, asking(mode, file)))
		for _, tt := range []struct {
			name string
			cert *tls.Certificate
			want string // what the app sees; "" when the handshake fails
		}{
			{"good", ca.client(t, ann, time.Time{}), annSeen},
			{"none", nil, map[string]string{"request": nobodySeen}[mode]},
			{"of another authority of the same name", stranger.client(t, ann, time.Time{}), ""},
			{"expired", ca.client(t, ann, time.Now().Add(-time.Hour)), ""},
			{"a server's", forServers, ""},
		} {
			for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
				t.Run(mode+"/"+tt.name+"/"+proto, func(t *testing.T) {
					r, err := http.NewRequest("GET", "https://a.com/", nil)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("X-Subject", "CN=root") // the client's own claims
					r.Header["x-name"] = []string{"root"}
					resp, err := showing(t, addr, tt.cert, proto).Do(r)
					if tt.want == "" {
						if err == nil {
							t.Errorf("answered with %s", body(t, resp))
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if got := body(t, resp); got != tt.want || resp.Proto != proto {
						t.Errorf("the app sees %s over %s, want %s", got, resp.Proto, tt.want)
					}
				})
			}
		}
	}
}

func TestNoMacroWithoutClientAuth(t *testing.T) {
	ca := newCA(t, "clients")
	addr := freePorts(t, 1)[0]
	start(t, identified(addr, newCA(t, "servers").folder(t, "a.com"), namesApp(t), ""))
	_, got := get(t, showing(t, addr, ca.client(t, ann, time.Time{}), "HTTP/1.1"), "https://a.com/")
	if got != nobodySeen {
		t.Errorf("the app sees %s", got)
	}
}

// A connection that is kept over a reload has been verified by the config of
// its handshake. The next request on it must hold by that of now.
func TestReloadChangesClientAuth(t *testing.T) {
	first, second := newCA(t, "first"), newCA(t, "second")
	one, both, other := caFile(t, first), caFile(t, second, first), caFile(t, second)
	app := namesApp(t)
	certDir := newCA(t, "servers").folder(t, "a.com")
	annsCert := first.client(t, ann, time.Time{})
	for _, tt := range []struct {
		name          string
		before, after string
		cert          *tls.Certificate
		want          string // what the app sees over the kept connection; "" for 421
		again         string // and over a new one; "" for none
	}{
		{"nothing", asking("require", one), asking("require", one), annsCert, annSeen, annSeen},
		{"an authority more", asking("require", one), asking("require", both), annsCert, annSeen, annSeen},
		{"an authority less", asking("require", both), asking("require", other), annsCert, "", ""},
		{"another authority", asking("require", one), asking("require", other), annsCert, "", ""},
		{"another authority to show one of", asking("request", one), asking("request", other), annsCert, "", ""},
		{"now required", asking("request", one), asking("require", one), nil, "", ""},
		{"now asked for", "", asking("require", one), annsCert, "", annSeen},
		{"now optional", asking("require", one), asking("request", one), annsCert, annSeen, annSeen},
		{"no longer asked for", asking("require", one), "", annsCert, nobodySeen, nobodySeen},
	} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(tt.name+"/"+proto, func(t *testing.T) {
				addr := freePorts(t, 1)[0]
				s := start(t, identified(addr, certDir, app, tt.before))
				c := showing(t, addr, tt.cert, proto)
				if resp, body := get(t, c, "https://a.com/"); resp.StatusCode != 200 {
					t.Fatalf("before the reload: %s %s", resp.Status, body)
				}
				if err := s.apply(identified(addr, certDir, app, tt.after)); err != nil {
					t.Fatal(err)
				}
				resp, got := get(t, c, "https://a.com/")
				if tt.want != "" && got != tt.want || tt.want == "" && resp.StatusCode != http.StatusMisdirectedRequest {
					t.Errorf("kept connection: %s, the app sees %s, want %s", resp.Status, got, tt.want)
				}
				c.CloseIdleConnections()
				got = ""
				if resp, err := c.Get("https://a.com/"); err == nil {
					got = body(t, resp)
				}
				if got != tt.again {
					t.Errorf("new connection: the app sees %q, want %q", got, tt.again)
				}
			})
		}
	}
}

// The connection that got 421 is closed, so that a client finds its way by
// itself.
func TestMisdirectedConnectionIsClosed(t *testing.T) {
	ca := newCA(t, "clients")
	app := namesApp(t)
	certDir := newCA(t, "servers").folder(t, "a.com")
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			s := start(t, identified(addr, certDir, app, ""))
			c := showing(t, addr, ca.client(t, ann, time.Time{}), proto)
			wantStatus(t, c, "https://a.com/", 200)
			if err := s.apply(identified(addr, certDir, app, asking("require", caFile(t, ca)))); err != nil {
				t.Fatal(err)
			}
			wantStatus(t, c, "https://a.com/", http.StatusMisdirectedRequest)
			if _, got := get(t, c, "https://a.com/"); got != annSeen {
				t.Errorf("the app sees %s, want %s", got, annSeen)
			}
		})
	}
}

func TestCertificateExpiresOnKeptConnection(t *testing.T) {
	ca := newCA(t, "clients")
	auth := &clientAuth{roots: []*x509.Certificate{ca.cert}}
	leaf := ca.client(t, ann, time.Time{}).Leaf
	state := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, ca.cert}}}
	if cert, ok := auth.verified(state, leaf.NotAfter); !ok || cert != leaf {
		t.Errorf("a good certificate: %v", ok)
	}
	if cert, ok := auth.verified(state, leaf.NotAfter.Add(time.Second)); ok || cert != nil {
		t.Errorf("an expired certificate: %v", ok)
	}
}

// body reads the rest of an answer and closes it.
func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

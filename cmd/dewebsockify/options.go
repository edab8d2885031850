package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http/httpproxy"

	"httpmaster/internal/tunnel"
)

// options is a command line that was understood.
type options struct {
	url      *url.URL // ws or wss
	listen   string   // host:port; "" for stdin and stdout
	insecure bool
	dialer   tunnel.Dialer
}

var (
	errHelp    = errors.New("help is wanted")
	errVersion = errors.New("the version is wanted")
)

// parseOptions reads the arguments; options may stand before, between and behind
// the others, up to a "--".
func parseOptions(args []string) (*options, error) {
	o := &options{}
	o.dialer.Header = http.Header{
		"User-Agent": {"dewebsockify"},
		"Accept":     {"text/plain"}, // a refusal is shown as one line
	}
	var ca string
	var showVersion bool
	flags := flag.NewFlagSet("dewebsockify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("header", "", o.addHeader)
	flags.StringVar(&ca, "ca", "", "")
	flags.BoolVar(&o.insecure, "insecure", false, "")
	flags.BoolVar(&showVersion, "version", false, "")
	flags.BoolVar(&showVersion, "v", false, "")
	words, err := parseMixed(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, errHelp
	case err != nil:
		return nil, err
	case showVersion:
		return nil, errVersion
	case len(words) != 2:
		return nil, fmt.Errorf("it takes a URL and a PORT (or HOST:PORT, or -), not %d arguments", len(words))
	}
	if o.url, err = parseURL(words[0]); err != nil {
		return nil, err
	}
	if o.listen, err = parseListen(words[1]); err != nil {
		return nil, err
	}
	proxy := httpproxy.FromEnvironment().ProxyFunc()
	o.dialer.Proxy = func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }
	o.dialer.TLS, err = tlsConfig(ca, o.insecure)
	return o, err
}

// parseMixed parses flags among other words, which it gives in their order.
func parseMixed(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			return append(words, rest...), nil
		}
		if len(rest) == 0 {
			return words, nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// addHeader takes a --header.
func (o *options) addHeader(text string) error {
	name, value, found := strings.Cut(text, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		return errors.New("write it as 'Name: value'")
	case name == "Connection", name == "Upgrade", strings.HasPrefix(name, "Sec-Websocket-"):
		return errors.New("the WebSocket handshake sets that itself")
	case name == "User-Agent", name == "Accept", name == "Host":
		o.dialer.Header.Set(name, value)
	default:
		o.dialer.Header.Add(name, value)
	}
	return nil
}

// parseURL reads the server's address. Errors do not show it, for it may hold a
// password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		if !strings.Contains(text, "://") {
			return nil, errors.New("the first argument is no URL: it begins with wss:// or ws://")
		}
		return nil, errors.New("the URL cannot be read: write characters such as @ : / # in user or password as %40 %3A %2F %23, and an IPv6 address in brackets")
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return nil, errors.New("the first argument is no URL: it begins with wss:// or ws://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	if u.Fragment != "" {
		return nil, errors.New("the URL has a #, which means nothing to a server: write %23 if it belongs to the path, user or password")
	}
	return u, nil
}

// parseListen reads where to listen; "" stands for "-".
func parseListen(text string) (string, error) {
	if text == "-" {
		return "", nil
	}
	if !strings.Contains(text, ":") {
		text = "127.0.0.1:" + text
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is no PORT and no HOST:PORT; an IPv6 address stands in brackets", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is no port: it is a number from 0 to 65535", port)
	}
	return text, nil
}

// tlsConfig is how the server is verified: with ca, by the authorities in that
// file alone.
func tlsConfig(ca string, insecure bool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}
	if ca == "" {
		return config, nil
	}
	if insecure {
		return nil, errors.New("--ca and --insecure contradict each other")
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca: %s holds no certificate in PEM form", ca)
	}
	return config, nil
}

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"httpmaster/internal/tunnel"
)

// forward is a local side and the server that it leads to.
type forward struct {
	listen   string   // host:port or unix:PATH; "" for stdin and stdout
	url      *url.URL // ws or wss
	dialer   tunnel.Dialer
	warnings []string // what the user should know of these settings
}

// setting is an option of a forward, by the name it has on the command line.
type setting struct{ name, value string }

// The options that a forward can have, besides listen and url. Those in
// fileSettings name a file.
var (
	fileSettings = []string{"ca", "cert", "header-file", "key", "password-file"}
	textSettings = []string{"header", "host", "proxy"}
)

const insecureSetting = "insecure" // its value is "true" or "false"

// settingError says which setting is wrong; "listen" and "url" are among them.
type settingError struct {
	name string
	err  error
}

func (e *settingError) Error() string { return e.err.Error() }

// newForward makes a forward of its settings. Errors are *settingError, and do
// not show the URL, for it may hold a password.
func newForward(listen, address string, settings []setting) (*forward, error) {
	f := &forward{}
	var err error
	if f.url, err = parseURL(address); err != nil {
		return nil, &settingError{"url", err}
	}
	if f.listen, err = parseListen(listen); err != nil {
		return nil, &settingError{"listen", err}
	}
	f.dialer.Header = http.Header{
		"User-Agent": {"dewebsockify"},
		"Accept":     {"text/plain"}, // a refusal is shown as one line
	}
	f.dialer.Proxy = proxyFromEnvironment()
	var trust trust
	for _, s := range settings {
		if err := f.set(s, &trust); err != nil {
			return nil, &settingError{s.name, err}
		}
	}
	if wrong := trust.finish(f); wrong != nil {
		return nil, wrong
	}
	return f, nil
}

// set takes one setting. Those of TLS are collected in trust.
func (f *forward) set(s setting, trust *trust) (err error) {
	switch s.name {
	case "header":
		return f.addHeader(s.value)
	case "header-file":
		return f.addHeaderFile(s.value)
	case "password-file":
		return f.setPassword(s.value)
	case "proxy":
		f.dialer.Proxy, err = parseProxy(s.value)
	case "ca":
		trust.roots, err = readRoots(s.value)
	case "cert":
		trust.cert = s.value
	case "key":
		trust.key = s.value
	case "host":
		trust.host, err = parseName(s.value)
	case insecureSetting:
		trust.insecure = s.value == "true"
	}
	return err
}

// addHeader takes a header to send.
func (f *forward) addHeader(text string) error {
	name, value, err := parseHeader(text)
	switch {
	case err != nil:
		return err
	case name == "User-Agent", name == "Accept", name == "Host":
		f.dialer.Header.Set(name, value)
	default:
		f.dialer.Header.Add(name, value)
	}
	return nil
}

func parseHeader(text string) (name, value string, err error) {
	name, value, found := strings.Cut(text, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		return "", "", errors.New("write it as 'Name: value'")
	case name == "Connection", name == "Upgrade", strings.HasPrefix(name, "Sec-Websocket-"):
		return "", "", errors.New("the WebSocket handshake sets that itself")
	}
	return name, value, nil
}

// parseURL reads the server's address.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		if !strings.Contains(text, "://") {
			return nil, errNoURL
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
		return nil, errNoURL
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	if u.Fragment != "" {
		return nil, errors.New("the URL has a #, which means nothing to a server: write %23 if it belongs to the path, user or password")
	}
	return u, nil
}

var errNoURL = errors.New("that is no URL: it begins with wss:// or ws://")

// parseListen reads where to listen; "" stands for "-".
func parseListen(text string) (string, error) {
	if text == "-" {
		return "", nil
	}
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		if path == "" {
			return "", errors.New("unix: is followed by the path of a socket")
		}
		return text, nil
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

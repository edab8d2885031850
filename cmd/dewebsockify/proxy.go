package main

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// proxyFromEnvironment chooses as HTTPS_PROXY (for wss), HTTP_PROXY (for ws),
// ALL_PROXY (for both, where they are not set) and NO_PROXY say. A name may be in
// small letters as well.
func proxyFromEnvironment() func(*http.Request) (*url.URL, error) {
	config := httpproxy.FromEnvironment()
	all := os.Getenv("ALL_PROXY")
	if all == "" {
		all = os.Getenv("all_proxy")
	}
	if config.HTTPSProxy == "" {
		config.HTTPSProxy = all
	}
	if config.HTTPProxy == "" {
		config.HTTPProxy = all
	}
	choose := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// parseProxy reads a proxy's URL. Errors do not show it, for it may hold a
// password.
func parseProxy(text string) (func(*http.Request) (*url.URL, error), error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("write it as http://user:password@host:port, with characters such as @ : / # in user or password as %40 %3A %2F %23")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	}
	return nil, errors.New("it begins with http://, https://, socks5:// or socks5h://")
}

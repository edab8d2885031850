package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"

	"httpmaster/internal/tunnel"
)

// failure is what the user is told, and the exit code.
type failure struct {
	text string
	code int
}

// explain says why a tunnel could not be opened.
func (c *client) explain(err error) *failure {
	if refused, ok := errors.AsType[*tunnel.RefusedError](err); ok {
		return &failure{c.explainRefusal(refused), exitRefused}
	}
	if broken, ok := errors.AsType[*tunnel.ProxyError](err); ok {
		return &failure{explainProxy(broken), exitUnreachable}
	}
	if text := explainTLS(err, c.url); text != "" {
		return &failure{"TLS: " + text, exitTLS}
	}
	server := c.url.Host
	dns, isDNS := errors.AsType[*net.DNSError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case isDNS && dns.IsNotFound:
		return &failure{fmt.Sprintf("there is no host %q", dns.Name), exitUnreachable}
	case isDNS:
		return &failure{fmt.Sprintf("the name %q cannot be looked up: %s", dns.Name, clean(dns.Err)), exitUnreachable}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{fmt.Sprintf("%s did not answer within %v", server, dialTimeout), exitUnreachable}
	case isOp && op.Op == "dial":
		return &failure{fmt.Sprintf("%s cannot be reached: %s", server, reason(err)), exitUnreachable}
	}
	return &failure{fmt.Sprintf("%s does not answer as a WebSocket does: %s", server, reason(err)), exitUnreachable}
}

// explainProxy says why nothing can be had of a proxy.
func explainProxy(e *tunnel.ProxyError) string {
	if e.Proxy == nil {
		return fmt.Sprintf("HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: %s", reason(e.Err))
	}
	if text := explainTLS(e.Err, e.Proxy); text != "" {
		return "TLS with the proxy: " + text
	}
	op, isOp := errors.AsType[*net.OpError](e.Err)
	dns, isDNS := errors.AsType[*net.DNSError](e.Err)
	switch {
	case isDNS:
		return fmt.Sprintf("there is no proxy %q: %s", dns.Name, clean(dns.Err))
	case isOp && op.Op == "dial":
		return fmt.Sprintf("the proxy %s cannot be reached: %s", e.Proxy.Host, reason(e.Err))
	}
	return fmt.Sprintf("the proxy %s does not answer as an %s proxy does: %s", e.Proxy.Host, e.Proxy.Scheme, reason(e.Err))
}

// explainRefusal says what an HTTP status means, in the server's words where it
// has some.
func (c *client) explainRefusal(e *tunnel.RefusedError) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	switch {
	case e.ByProxy:
		return c.explainProxyRefusal(e, status)
	case e.Location != "":
		return fmt.Sprintf("the server redirects (%s) and redirects are not followed: use %s", status, webSocketURL(e.Location))
	case e.Status == http.StatusUnauthorized && c.url.User == nil && c.dialer.Header["Authorization"] == nil:
		return fmt.Sprintf("the server wants a user and password (%s): use %s", status, withUser(c.url))
	case e.Status == http.StatusUnauthorized:
		return fmt.Sprintf("the server does not accept this user and password (%s)", status)
	}
	text := fmt.Sprintf("the server refused the tunnel: %s", status)
	if said := firstLine(e.Body, status); said != "" {
		return text + ": " + said
	}
	if e.Status < 300 || e.Status == http.StatusNotFound {
		return text + ": there is no WebSocket at this path"
	}
	return text
}

// explainProxyRefusal says why a proxy does not connect to the server.
func (c *client) explainProxyRefusal(e *tunnel.RefusedError, status string) string {
	if e.Status == http.StatusProxyAuthRequired {
		return "the proxy wants a user and password, or others than these: put them in --proxy or HTTPS_PROXY, as http://user:password@proxy:port"
	}
	text := "the proxy refused to connect to " + c.url.Host
	if e.Status != 0 {
		text += ": " + status
	}
	if said := firstLine(e.Body, status); said != "" {
		text += ": " + said
	}
	return text
}

// firstLine is the first line of a refusal that says more than its status, made
// fit for a terminal; "" if the answer is no plain text.
func firstLine(body, status string) string {
	for line := range strings.Lines(body) {
		line = clean(line)
		if strings.HasPrefix(line, "<") {
			return ""
		}
		if line != "" && line != status {
			return line
		}
	}
	return ""
}

// clean makes what came from elsewhere fit for a terminal: one line, no control
// characters, not too long.
func clean(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "")))
	const most = 200
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return s
}

// webSocketURL is where a redirect leads, as the user would write it.
func webSocketURL(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return clean(location)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	return clean(u.Redacted())
}

// shown is u without what may let somebody in: the password and the query.
func shown(u *url.URL) string {
	without := *u
	if without.RawQuery != "" {
		without.RawQuery = "***"
	}
	return without.Redacted()
}

// withUser is u with words in the place of user and password.
func withUser(u *url.URL) string {
	example := *u
	example.User = url.UserPassword("user", "password")
	return example.String()
}

// reason is the innermost cause of a network error.
func reason(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "connection refused"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return clean(err.Error())
}

// explainEnd says why an open tunnel broke.
func (c *client) explainEnd(err error) *failure {
	said, code := "", 0
	lost, isLost := errors.AsType[*tunnel.NotResumedError](err)
	closed, isClosed := errors.AsType[*tunnel.CloseError](err)
	reset, isReset := errors.AsType[*tunnel.ResetError](err)
	switch {
	case isLost:
		return &failure{"the session cannot be resumed: " + c.explainLoss(lost.Err), exitBroken}
	case isClosed:
		said, code = clean(closed.Reason), closed.Code
	case isReset:
		said = clean(reset.Reason)
	default:
		return &failure{clean(err.Error()), exitBroken}
	}
	if said != "" {
		return &failure{"the server closed the tunnel: " + said, exitBroken}
	}
	return &failure{fmt.Sprintf("the server closed the tunnel with code %d", code), exitBroken}
}

// explainLoss says why a session could not be resumed.
func (c *client) explainLoss(err error) string {
	if away, ok := errors.AsType[*tunnel.AwayError](err); ok {
		return fmt.Sprintf("there was no connection for %v: %s", away.Waited, c.explain(away.Err).text)
	}
	return clean(err.Error())
}

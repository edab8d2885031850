package proxy

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"httpmaster/internal/tunnel"
)

// upgrade asks the upstream, on a connection of its own, to leave HTTP, and
// joins that connection with the client's if it does. Whatever else the
// upstream answers is an ordinary response.
func (x *exchange) upgrade() {
	k, err := x.dial()
	if err != nil {
		x.fail(err)
		return
	}
	defer k.Close()
	asked := upgradeTokens(x.r.Header)
	resp, err := x.askUpgrade(k, asked)
	if err != nil {
		x.fail(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		x.respond(resp)
		return
	}
	if err := checkSwitch(x.r, resp, asked); err != nil {
		x.fail(err)
		return
	}
	k.SetDeadline(time.Time{})
	x.switchProtocols(resp, k.Conn, k.br)
}

// dial connects to the upstream, or to another one where that may be tried.
func (x *exchange) dial() (*upstreamConn, error) {
	for {
		x.try = new(attempt)
		conn, err := x.hop.Upstream.dialHTTP1(x.ctx, x.address)
		if err == nil {
			x.watch.watch()
			return newUpstreamConn(conn, nil, nil), nil
		}
		if !x.again(err) {
			return nil, err
		}
	}
}

// askUpgrade sends the request and gives the response; 101 is one.
func (x *exchange) askUpgrade(k *upstreamConn, asked []string) (*http.Response, error) {
	head := requestHeads.Get().(*requestHead)
	defer head.release()
	head.collect(x.r, x.m, x.p.KeepOddHeaders)
	head.add("Connection", []string{"Upgrade"})
	head.add("Upgrade", []string{strings.Join(asked, ", ")})
	c, err := x.newCall(head, false)
	if err != nil {
		return nil, err
	}
	c.closes, c.upgrade = true, true
	return k.ask(c)
}

// checkSwitch tells whether a 101 is an answer to what r asked for (RFC 9110,
// 7.8; RFC 6455, 4.1). One that is not must not open a tunnel: the upstream
// may be reading the next bytes as a request that no rule has seen.
func checkSwitch(r *http.Request, resp *http.Response, asked []string) error {
	if !hasToken(resp.Header["Connection"], "upgrade") {
		return errors.New("101 without Connection: Upgrade")
	}
	got := strings.Join(resp.Header["Upgrade"], ", ")
	if !slices.ContainsFunc(asked, func(a string) bool { return strings.EqualFold(a, got) }) {
		return fmt.Errorf("101 to %q where %q was asked for", got, strings.Join(asked, ", "))
	}
	if !strings.EqualFold(got, "websocket") {
		return nil
	}
	if resp.Header.Get("Sec-Websocket-Accept") != acceptKey(r.Header.Get("Sec-Websocket-Key")) {
		return errors.New("101 with a Sec-WebSocket-Accept that does not fit the key")
	}
	return nil
}

// acceptKey is the Sec-WebSocket-Accept to a Sec-WebSocket-Key (RFC 6455,
// 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// switchProtocols passes the 101 on, takes over the client's connection and
// carries bytes until both directions have ended.
func (x *exchange) switchProtocols(resp *http.Response, upstream net.Conn, br *bufio.Reader) {
	h := x.w.Header()
	copyResponseHeader(h, resp.Header)
	h["Connection"] = []string{"Upgrade"}
	h["Upgrade"] = resp.Header["Upgrade"]
	x.lease.settle(nil)
	x.stick(h)
	x.client.writing()
	x.w.WriteHeader(http.StatusSwitchingProtocols)
	client, buffered, err := x.client.ctl.Hijack() // lifts all deadlines
	if err != nil {
		x.log("cannot take over the client's connection", 0, err)
		panic(http.ErrAbortHandler)
	}
	defer client.Close()
	meter := &tunnel.Meter{Totals: x.p.Carried}
	entry := &tunnel.Entry{
		Way:     x.p.Way,
		Rule:    x.rule(),
		User:    x.m.User,
		Client:  x.clientName(),
		Target:  x.upstream,
		Started: time.Now(),
		Meter:   meter,
	}
	log := x.p.Log.With("rule", entry.Rule, "client", entry.Client, "target", entry.Target)
	entry.Close = func(reason string) {
		log.Info("closing an upgraded connection", "reason", reason)
		client.Close()
		upstream.Close()
	}
	defer x.p.Tunnels.Add(entry)()
	x.m.Detach()
	join(half{client, buffered.Reader}, half{upstream, br}, afterError, meter)
	x.m.BytesIn, x.m.BytesOut = meter.Received.Load(), meter.Sent.Load()
}

func (x *exchange) rule() string {
	if x.m.Rule == nil {
		return ""
	}
	return x.m.Rule.String()
}

func (x *exchange) clientName() string {
	if x.m.Client.IsValid() {
		return x.m.Client.String()
	}
	return x.r.RemoteAddr
}

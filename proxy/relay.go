package proxy

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// Relay carries connections of clients, byte for byte, to one TCP target or
// Unix socket. Nothing of HTTP is in them.
type Relay struct {
	Name    string         // what logs and lists have in the place of a rule
	Target  *router.Target // Static
	Way     string         // to it, as tunnel.Entry has it
	Tunnels *tunnel.Registry
	Log     *slog.Logger
}

// Serve connects client with the target until both directions have ended; it
// closes client. early is what has been read from it already. The end of ctx
// ends the connecting, not what comes after it.
func (r *Relay) Serve(ctx context.Context, client net.Conn, early []byte) {
	defer client.Close()
	dial := Websockify{Target: r.Target}
	log := r.Log.With("rule", r.Name, "client", client.RemoteAddr().String(), "target", r.Target.Text)
	upstream, _, err := dial.dialTarget(ctx, new(router.Match), r.Target)
	if err != nil {
		log.Warn("tunnel refused", "reason", err)
		return
	}
	defer upstream.Close()
	meter := new(tunnel.Meter)
	started := time.Now()
	defer r.Tunnels.Add(&tunnel.Entry{
		Way: r.Way, Rule: r.Name, Client: client.RemoteAddr().String(), Target: r.Target.Text, Started: started, Meter: meter,
		Close: func(string) {
			client.Close()
			upstream.Close()
		},
	})()
	log.Info("tunnel open", "address", upstream.RemoteAddr())
	join(half{client, holding(early)}, half{upstream, holding(nil)}, afterError, meter)
	log.Info("tunnel closed", "in", meter.Received.Load(), "out", meter.Sent.Load(), "duration", time.Since(started).Round(time.Millisecond))
}

// holding gives a reader that has early in its buffer.
func holding(early []byte) *bufio.Reader {
	r := bufio.NewReaderSize(bytes.NewReader(early), len(early))
	_, _ = r.Peek(len(early))
	return r
}

package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"httpmaster/internal/tunnel"
	"httpmaster/router"
)

// What handlers would do with a request, told without doing it: no connection
// is made, nothing is sent. Each goes the way that Serve goes, up to there.

// UpstreamPreview is what a Proxy would send to one of its upstreams.
type UpstreamPreview struct {
	Address string // as Hop.Address gives it
	Weight  int
	Request *http.Request
}

// Preview gives the request that p would send for r, which has been through
// CleanRequest, to each of the upstreams that it could choose. The error is
// what Serve answers 400 for.
func (p *Proxy) Preview(r *http.Request, m *router.Match) ([]UpstreamPreview, error) {
	if p.Balancer == nil {
		preview, err := p.previewHop(Hop{p.Target, p.Upstream}, r, m)
		return []UpstreamPreview{preview}, err
	}
	var previews []UpstreamPreview
	for i, hop := range p.Hops {
		preview, err := p.previewHop(hop, r, m)
		if err != nil {
			return nil, err
		}
		preview.Weight = orDefault(p.Balancer.settings.Members[i].Weight, 1)
		previews = append(previews, preview)
	}
	return previews, nil
}

func (p *Proxy) previewHop(hop Hop, r *http.Request, m *router.Match) (UpstreamPreview, error) {
	x := &exchange{p: p, r: r, m: m, hop: hop}
	var err error
	if x.address, x.uri, err = hop.resolve(r, m); err != nil {
		return UpstreamPreview{}, err
	}
	address, err := hop.Address(m)
	return UpstreamPreview{Address: address, Weight: 1, Request: x.outgoing(r.Context())}, err
}

// TunnelPreview is what would come of a request for a tunnel.
type TunnelPreview struct {
	Target    string   // host:port or unix:path, with what the request put into it
	Addresses []string // what would be dialled, one after the other until one answers
	Resolved  bool     // a name was looked up for it
	Err       error    // why the target may not or cannot be dialled; for the operator
	Status    int      // the answer to that; 0 without Err
	Reason    string   // what the client is told
}

// Lookup gives the addresses of a name, as net.Resolver's LookupNetIP does.
type Lookup func(ctx context.Context, network, name string) ([]netip.Addr, error)

// previewLookup bounds a name lookup.
const previewLookup = 3 * time.Second

// errPreview is what the dialer of a preview gives, to be asked for the next
// address.
var errPreview = errors.New("this is only a preview")

// Preview tells where the tunnel for m would lead, and whether it may. Where
// Serve would look a name up itself to check its addresses, so does Preview,
// with lookup, or the system's resolver if that is nil, and for 3 s at most.
// It does not look at the handshake, nor at Origin.
func (h *Websockify) Preview(ctx context.Context, m *router.Match, lookup Lookup) TunnelPreview {
	var p TunnelPreview
	to, err := h.target(m)
	if err != nil {
		p.Target, p.Err = h.name(), err
		p.Status, p.Reason = refusal(err)
		return p
	}
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	probe := &Websockify{
		Allow: h.Allow, DialTimeout: previewLookup,
		lookup: func(ctx context.Context, network, name string) ([]netip.Addr, error) {
			p.Resolved = true
			return lookup(ctx, network, name)
		},
		dial: func(_ context.Context, _, address string) (net.Conn, error) {
			p.Addresses = append(p.Addresses, address)
			return nil, errPreview
		},
	}
	_, p.Target, p.Err = probe.dialTarget(ctx, m, to)
	if errors.Is(p.Err, errPreview) {
		p.Err = nil
		return p
	}
	p.Status, p.Reason = refusal(p.Err)
	return p
}

// Handshake tells whether Serve would take r for the opening of a tunnel. The
// status is what it answers if not, 0 if so.
func (h *Websockify) Handshake(r *http.Request, m *router.Match) (status int, reason string) {
	err := h.check(r, m)
	var handshake *tunnel.HandshakeError
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &handshake):
		return handshake.Status, handshake.Msg
	}
	return refusal(err)
}

// Find names the file that the request of m would be answered with, or the one
// that it asks for and that is not there: then found is false.
func (s *Static) Find(m *router.Match) (name string, found bool, err error) {
	asked, err := s.fileName(m)
	if errors.Is(err, fs.ErrNotExist) {
		return s.root, false, nil // a hidden file, or none that could have a name
	}
	if err != nil {
		return "", false, err
	}
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return "", false, err
	}
	defer root.Close()
	file, _, err := findAsset(root, asked)
	if err != nil {
		return filepath.Join(s.root, filepath.FromSlash(strings.Trim(asked, "/"))), false, nil
	}
	defer file.Close()
	return filepath.Join(s.root, filepath.FromSlash(file.name)), true, nil
}

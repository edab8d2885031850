package server

import (
	"crypto/sha256"
	"encoding/hex"

	"httpmaster/config"
)

// way sums up what a request meets on its way to a place of the config: the
// address, whether client certificates are asked for, the elements of chains and
// the patterns, with all their settings. Rules beside the way and the lines of the
// file have no part in it, so it tells whether a reload has changed what led to a
// tunnel. place.route, which only names the place, does not.
type way [sha256.Size]byte

// wayTo is where the way begins.
func wayTo(p *config.Port, key string) way {
	w := way(sha256.Sum256([]byte(key)))
	if p.SSL == nil {
		return w
	}
	return w.through(p.SSL.ClientAuth)
}

// through goes on through a part of the config.
func (w way) through(part any) way {
	next := config.Fingerprint(part)
	return sha256.Sum256(append(w[:], next[:]...))
}

// way gives the whole way to a handler of tunnels, as the registry has it, and
// notes that the generation has it.
func (b *builder) way(at place, handler any) string {
	sum := at.way.through(handler)
	text := hex.EncodeToString(sum[:16])
	b.gen.ways[text] = true
	return text
}

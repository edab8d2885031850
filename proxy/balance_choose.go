package proxy

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/bits"
	"net/http"
	"net/netip"
	"time"

	"httpmaster/router"
)

// choose applies the policy to the members in from, of which there is at least
// one. It may reorder them.
func (b *Balancer) choose(r *http.Request, m *router.Match, from []*member, now time.Time) *member {
	switch b.settings.Policy {
	case LeastConn:
		from = b.leastBusy(from, now)
	case IPHash:
		if m.Client.IsValid() {
			return b.closestTo(m.Client, from, now)
		}
	case Sticky:
		if named := b.namedBy(r, from); named != nil {
			return named
		}
	}
	return b.next(from, now)
}

// next is the smooth weighted round robin: every time each member gains its
// share, and who has the most pays for all. Weights 3, 1 give A A B A.
func (b *Balancer) next(from []*member, now time.Time) *member {
	var best *member
	total := int64(0)
	for _, m := range from {
		share := m.share(now, b.settings.SlowStart)
		m.current += share
		total += share
		if best == nil || m.current > best.current {
			best = m
		}
	}
	best.current -= total
	return best
}

// leastBusy leaves those members that would have the least to do for their
// share with one request more.
func (b *Balancer) leastBusy(from []*member, now time.Time) []*member {
	least, use, share := from[:0], int64(0), int64(1)
	for _, m := range from {
		mUse, mShare := int64(m.inUse)+1, m.share(now, b.settings.SlowStart)
		switch {
		case len(least) == 0 || mUse*share < use*mShare:
			least, use, share = append(least[:0], m), mUse, mShare
		case mUse*share == use*mShare:
			least = append(least, m)
		}
	}
	return least
}

// closestTo is weighted rendezvous hashing: every member draws a number for
// the client, always the same, and the best one wins. When a member goes, only
// its own clients go elsewhere, in proportion to the others' shares.
func (b *Balancer) closestTo(client netip.Addr, from []*member, now time.Time) *member {
	hash := hashAddr(client)
	var best *member
	bestScore := math.Inf(-1)
	for _, m := range from {
		draw := (float64(mix(hash^m.seed)>>11) + 0.5) / (1 << 53) // in (0, 1)
		score := -float64(m.share(now, b.settings.SlowStart)) / math.Log(draw)
		if score > bestScore {
			best, bestScore = m, score
		}
	}
	return best
}

// hashAddr hashes a client's address. Hosts change the lower half of an IPv6
// address as they like.
func hashAddr(a netip.Addr) uint64 {
	bytes := a.As16()
	high := binary.BigEndian.Uint64(bytes[:8])
	if !a.Unmap().Is4() {
		return mix(high)
	}
	return mix(high ^ bits.RotateLeft64(mix(binary.BigEndian.Uint64(bytes[8:])), 1))
}

func hashText(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return mix(h.Sum64())
}

// mix spreads each bit of x over all of the result; the constants are those of
// SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

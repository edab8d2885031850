package tunnel

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

var (
	propertyRuns = flag.Int("runs", 300, "how many random tunnels TestRandomTunnels makes")
	propertySeed = flag.Uint64("seed", 0, "the seed of the one tunnel that TestRandomTunnels makes; 0: as many as -runs says")
)

// How a random user of a tunnel ends.
const (
	endHalf  = iota // it half-closes, and reads on to the end
	endClose        // it closes with everything it has sent
	endReset        // it resets the connection
)

// user is what one end of a random tunnel does.
type user struct {
	data  []byte
	sizes []int // of its writes
	end   int
}

func randomUser(r *rand.Rand) user {
	u := user{data: make([]byte, randomSize(r, 3*window))}
	for i := range u.data {
		u.data[i] = byte(r.Uint32())
	}
	for left := len(u.data); left > 0; {
		n := 1 + randomSize(r, 100_000)
		u.sizes = append(u.sizes, n)
		left -= n
	}
	switch r.IntN(8) {
	case 0:
		u.end = endClose
	case 1:
		u.end = endReset
	}
	return u
}

// use does what u does with conn, and gives what it has read.
func (u user) use(conn *net.TCPConn) (got []byte, err error) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	var reading sync.WaitGroup
	reading.Go(func() { got, err = io.ReadAll(conn) })
	p := u.data
	for _, n := range u.sizes {
		n = min(n, len(p))
		if _, err := conn.Write(p[:n]); err != nil {
			break
		}
		p = p[n:]
	}
	switch u.end {
	case endHalf:
		_ = conn.CloseWrite()
	case endClose:
		_ = conn.Close()
	case endReset:
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
	reading.Wait()
	return got, err
}

// scenario is one random tunnel, all of it made from one seed.
type scenario struct {
	local, target user
	cuts          []cut
}

func randomScenario(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 1))
	s := scenario{local: randomUser(r), target: randomUser(r)}
	for i := range r.IntN(8) {
		c := cut{up: randomSize(r, 1<<20), down: randomSize(r, 1<<20), halfOpen: r.IntN(4) == 0, reset: r.IntN(3) == 0}
		if i == 0 { // let there be a tunnel at all: its handshake is about 300 bytes
			c.up, c.down = c.up+1000, c.down+1000
		}
		s.cuts = append(s.cuts, c)
	}
	return s
}

// Both users of a tunnel see what the other has sent, whatever happens to the
// WebSockets under it: all of it and the end, or the beginning of it and an end,
// if one of them breaks off.
func TestRandomTunnels(t *testing.T) {
	server := serveSessions(t, time.Minute)
	server.lastWord = 3 * time.Second
	if *propertySeed != 0 {
		runScenario(t, server, *propertySeed)
		return
	}
	base := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", base)
	var next sync.Mutex
	var parallel sync.WaitGroup
	done := 0
	for range 8 {
		parallel.Go(func() {
			for !t.Failed() {
				next.Lock()
				run := done
				done++
				next.Unlock()
				if run >= *propertyRuns {
					return
				}
				seed := base + uint64(run)
				if !t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runScenario(t, server, seed) }) {
					t.Logf("again with -seed %d", seed)
				}
			}
		})
	}
	parallel.Wait()
}

func runScenario(t *testing.T, server *sessionServer, seed uint64) {
	s := randomScenario(seed)
	route := fmt.Sprintf("/%d", seed)
	path := newPath(t, server.url[len("http://"):], s.cuts)
	target, serverEnd := server.offer(t, route)
	client := server.forward(t, path.address, route, &Dialer{})

	var both sync.WaitGroup
	var atTarget, atLocal []byte
	var targetErr, localErr error
	both.Go(func() { atTarget, targetErr = s.target.use(target) })
	both.Go(func() { atLocal, localErr = s.local.use(client.local) })
	both.Wait()
	c := await(t, client.ended, "client")
	t.Logf("the client ended with %v after %v; %d and %d", c.err, c.Duration, s.local.end, s.target.end)
	v := await(t, serverEnd, "server")

	if s.local.end == endHalf && s.target.end == endHalf {
		compare(t, "target", atTarget, s.local.data, targetErr)
		compare(t, "local user", atLocal, s.target.data, localErr)
		if c.err != nil || v.err != nil {
			t.Errorf("the client ended with %v, the server with %v", c.err, v.err)
		}
		if int(c.Received) != len(s.target.data) || int(v.Received) != len(s.local.data) || c.Sent != v.Received || v.Sent != c.Received {
			t.Errorf("the client counts %+v, the server %+v", c.Stats, v.Stats)
		}
		return
	}
	if !bytes.HasPrefix(s.local.data, atTarget) || !bytes.HasPrefix(s.target.data, atLocal) {
		t.Error("the users saw what was never sent")
	}
	if s.local.end == endClose && targetErr == nil && len(atTarget) != len(s.local.data) && s.target.end == endHalf {
		t.Errorf("the target saw a clean end after %d of %d bytes", len(atTarget), len(s.local.data))
	}
	if s.target.end == endClose && localErr == nil && len(atLocal) != len(s.target.data) && s.local.end == endHalf {
		t.Errorf("the local user saw a clean end after %d of %d bytes", len(atLocal), len(s.target.data))
	}
}

func compare(t *testing.T, who string, got, want []byte, err error) {
	t.Helper()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the %s got %d bytes of %d, the same: %v, error %v", who, len(got), len(want), bytes.HasPrefix(want, got), err)
	}
}

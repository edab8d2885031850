package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Many clients at a time, while one of three upstreams dies and comes back
// again and again: no GET fails, each POST is done at most once, and those that
// fail are told so.
func TestLoadWhileOneDies(t *testing.T) {
	for _, policy := range []Policy{RoundRobin, LeastConn} {
		t.Run(string(policy), func(t *testing.T) { loadWhileOneDies(t, policy) })
	}
}

func loadWhileOneDies(t *testing.T, policy Policy) {
	const (
		clients   = 24
		deaths    = 8
		perDeath  = 300 // requests, dead and alive each
		everyPOST = 10
	)
	var done sync.Map // of each POST, how often it was done
	var nodes []*node
	for i := range 3 {
		name := string(rune('A' + i))
		nodes = append(nodes, newNode(t, name, func(w http.ResponseWriter, r *http.Request) {
			if id, _ := io.ReadAll(r.Body); len(id) > 0 {
				count, _ := done.LoadOrStore(string(id), new(atomic.Int64))
				count.(*atomic.Int64).Add(1)
			}
			io.WriteString(w, name)
		}))
	}
	b := newBalanced(t, BalancerSettings{Policy: policy, EjectFor: 5 * time.Millisecond}, addresses(nodes)...)
	b.Balancer.now = time.Now
	b.Retries = 1

	var answered, lost, posts atomic.Int64
	var by [3]atomic.Int64
	stop := make(chan struct{})
	ticks := make(chan struct{}, clients)
	var wg sync.WaitGroup
	for c := range clients {
		client := testClient(t)
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := ""
				method := http.MethodGet
				if n%everyPOST == 0 {
					id, method = fmt.Sprintf("%d-%d", c, n), http.MethodPost
					posts.Add(1)
				}
				req, _ := http.NewRequest(method, b.url, strings.NewReader(id))
				resp, err := client.Do(req)
				if err != nil {
					t.Errorf("%s: %v", method, err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch {
				case err == nil && resp.StatusCode == http.StatusOK:
					answered.Add(1)
					by[body[0]-'A'].Add(1)
				case method == http.MethodPost && resp.StatusCode == http.StatusBadGateway:
					lost.Add(1)
				default:
					t.Errorf("%s: %s, %v", method, resp.Status, err)
				}
				select {
				case ticks <- struct{}{}:
				case <-stop:
				}
			}
		})
	}
	wait := func() {
		for range perDeath {
			mustReceive(t, ticks)
		}
	}
	wait()
	for range deaths {
		nodes[1].stop()
		wait()
		nodes[1].start(t)
		wait()
	}
	close(stop)
	wg.Wait()
	done.Range(func(id, count any) bool {
		if n := count.(*atomic.Int64).Load(); n > 1 {
			t.Errorf("POST %s was done %d times", id, n)
		}
		return true
	})
	if by[1].Load() == 0 || lost.Load() > posts.Load()/2 {
		t.Error("the test has lost its point")
	}
	log := b.log.String()
	t.Logf("%s, B dying %d times: %d answered, A %d, B %d, C %d; %d retries, %d times ejected, %d times back; %d of %d POSTs answered 502",
		policy, deaths, answered.Load(), by[0].Load(), by[1].Load(), by[2].Load(),
		strings.Count(log, "tried again"), strings.Count(log, "left alone"), strings.Count(log, "asked again"), lost.Load(), posts.Load())
}

package server

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

var manyReloads = flag.Int("many-reloads", 300, "how often TestManyReloads reloads")

// usage is what reloads must not add to.
type usage struct {
	goroutines, files int
	heap              uint64
}

func measure(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	runtime.GC() // for what finalizers and pools have let go
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not tell the open files")
	}
	return usage{runtime.NumGoroutine(), len(files), mem.HeapAlloc}
}

// TestManyReloads goes back and forth between two configs, with a tunnel open all
// the time, and looks for what they have left behind: goroutines, watchers, open
// files, memory.
func TestManyReloads(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	dir, echo, addrs := t.TempDir(), echoService(t), freePorts(t, 3)
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tunnel := quoted(addrs[0]) + ": {router: {'/echo': 'websockify -> " + echo + "', "
	both := []string{
		"ports: {" + tunnel + "'*': ['log -> " + dir + "/a.log', 'auth -> " + users + "', {$: proxy, targets: [1, 2], health: {interval: 1h}}]}}, " +
			quoted(addrs[1]) + ": {ssl: {selfSigned: true}, router: {'localhost': 80}}}",
		"ports: {" + tunnel + "'b.example': ['log -> " + dir + "/b.log', 80]}}, " + quoted(addrs[2]) + ": 'reject -> 404'}",
	}
	s := start(t, both[0])
	_, tcp := openTunnel(t, "ws://"+addrs[0]+"/echo")
	reload := func(times int) {
		t.Helper()
		for i := range 2 * (times / 2) {
			if err := s.apply(both[(i+1)%2]); err != nil {
				t.Fatal(err)
			}
		}
		s.srv.draining.Wait()
	}
	reload(20)
	before := measure(t)
	reload(*manyReloads)
	say(t, tcp, "through them all")

	const slack = 4 << 20 // pools of buffers come and go
	var after usage
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		after = measure(t)
		if after.goroutines <= before.goroutines && after.files <= before.files && after.heap < before.heap+slack {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d reloads there is %+v, before %+v", *manyReloads, after, before)
		}
	}
	t.Logf("before %+v, after %d reloads %+v", before, *manyReloads, after)
}

//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowClients is how many slow clients there are in each mode.
const slowClients = 2000

// TestSlowHTTP lets slowhttptest hold connections in each way it knows while
// somebody else asks for a page over and over.
func TestSlowHTTP(t *testing.T) {
	t.Parallel()
	program := need(t, "slowhttptest", "slowhttptest")
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 3*slowClients {
		t.Skipf("%d descriptors may be open, too few; error %v", limit.Max, err)
	}
	large := []byte(strings.Repeat("0123456789abcdef", 32<<10)) // more than the sockets of a slow reader hold
	app := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(large)
		}
	}))
	for _, test := range []struct {
		name, path string
		args       []string
	}{
		{"slow headers", "/", []string{"-H", "-i", "2"}},
		{"slow body", "/", []string{"-B", "-i", "2", "-s", "100000"}},
		{"slow read", "/large", []string{"-X", "-n", "2", "-z", "16"}},
		{"ranges", "/large", []string{"-R", "-a", "10", "-b", "3000", "-t", "HEAD"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := freePort(t)
			p := startLean(t, fmt.Sprintf("ports: {\"127.0.0.1:%d\": %d}\n", port, app), 0)
			url := fmt.Sprintf("http://127.0.0.1:%d", port)
			v := visit(t, url+"/")
			attack := start(t, nil, program, append(test.args, "-u", url+test.path,
				"-c", fmt.Sprint(slowClients), "-r", fmt.Sprint(slowClients/2), "-l", "6", "-p", "30")...)
			most := mostSockets(t, p, attack)
			v.leave(t)
			_, peak := p.memory(t)
			t.Logf("%d sockets at most, %d MiB at most", most, peak)
			// With one socket for each client and one for its way to the app.
			if bound := 400; peak > bound {
				t.Errorf("it took %d MiB, more than %d", peak, bound)
			}
			if test.name != "ranges" && most < slowClients/2 { // the machine may be too busy for all of them
				t.Errorf("the server had %d sockets at most: this was no attack", most)
			}
		})
	}
}

// mostSockets waits for attack to end and gives how many descriptors p had at
// most meanwhile.
func mostSockets(t *testing.T, p, attack *process) (most int) {
	t.Helper()
	tooLong := time.After(2 * patience)
	for {
		most = max(most, p.descriptors(t))
		select {
		case <-attack.ended:
			return most
		case <-tooLong:
			t.Fatal("slowhttptest does not end")
		case <-time.After(50 * time.Millisecond): // the pace of polling
		}
	}
}

//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own, with a cable to this one: a machine that can
// be moved and cut off.
type namespace struct {
	name            string
	here            string // our end's address
	address, second string // its own, and one that it can move to
}

var namespaces atomic.Int32

// newNamespace makes one. Where that cannot be done the test is skipped, or
// fails where REAL_PARTS=required.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	ip := need(t, "iproute2", "ip")
	need(t, "nftables", "nft")
	n := &namespace{name: fmt.Sprintf("hm%d-%d", os.Getpid(), namespaces.Add(1))}
	if r := run(t, nil, nil, ip, "netns", "add", n.name); r.code != 0 {
		if os.Getenv("REAL_PARTS") == "required" {
			t.Fatalf("a network namespace is needed: %s", r.stderr)
		}
		t.Skipf("no network namespace can be made here: %s", r.stderr)
	}
	t.Cleanup(func() { run(t, nil, nil, ip, "netns", "delete", n.name) })
	net := rand.N(1<<14) * 8 // a network of eight addresses
	at := func(host int) string { return fmt.Sprintf("198.%d.%d.%d", 18+net>>16, net>>8&0xff, net&0xff+host) }
	n.here, n.address, n.second = at(1), at(2), at(3)
	mustRun(t, nil, ip, "link", "add", n.name, "type", "veth", "peer", "name", "cable", "netns", n.name)
	mustRun(t, nil, ip, "address", "add", n.here+"/29", "dev", n.name)
	mustRun(t, nil, ip, "link", "set", n.name, "up")
	n.ip(t, "address", "add", n.address+"/29", "dev", "cable")
	n.ip(t, "link", "set", "lo", "up")
	n.ip(t, "link", "set", "cable", "up")
	return n
}

// ip configures the network of n.
func (n *namespace) ip(t *testing.T, args ...string) {
	t.Helper()
	mustRun(t, nil, need(t, "iproute2", "ip"), append([]string{"-n", n.name}, args...)...)
}

// exec is what a command begins with that runs there.
func (n *namespace) exec(t *testing.T, command ...string) []string {
	t.Helper()
	return append([]string{need(t, "iproute2", "ip"), "netns", "exec", n.name}, command...)
}

// move gives n its second address in place of the first.
func (n *namespace) move(t *testing.T) {
	t.Helper()
	n.ip(t, "address", "delete", n.address+"/29", "dev", "cable")
	n.ip(t, "address", "add", n.second+"/29", "dev", "cable")
}

// vanish drops every packet from and to n; back ends it. Nobody is told.
func (n *namespace) vanish(t *testing.T) {
	t.Helper()
	n.nft(t, "table inet gone { chain in { type filter hook input priority 0; policy drop; }; chain out { type filter hook output priority 0; policy drop; }; }")
}

func (n *namespace) back(t *testing.T) {
	t.Helper()
	n.nft(t, "delete table inet gone")
}

func (n *namespace) nft(t *testing.T, rules string) {
	t.Helper()
	command := n.exec(t, need(t, "nftables", "nft"), rules)
	mustRun(t, nil, command[0], command[1:]...)
}

// socket calls open where the sockets that it makes belong to n.
func (n *namespace) socket(t *testing.T, open func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never back: the thread ends with its goroutine
		file, err := os.Open("/run/netns/" + n.name)
		if err == nil {
			defer file.Close()
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = open()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// dial connects from n.
func (n *namespace) dial(t *testing.T, address string) (conn net.Conn) {
	t.Helper()
	n.socket(t, func() (err error) { conn, err = net.DialTimeout("tcp", address, patience); return err })
	t.Cleanup(func() { conn.Close() })
	return conn
}

// listen serves connections there and gives the address.
func (n *namespace) listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	var ln net.Listener
	n.socket(t, func() (err error) { ln, err = net.Listen("tcp", n.address+":0"); return err })
	acceptLoop(t, ln, serve)
	return ln.Addr().String()
}

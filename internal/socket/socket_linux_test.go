package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestAcceptedSocketsHaveThem holds that a listener's connections have what is
// set on the listener, and dialled ones what the dialer says.
func TestAcceptedSocketsHaveThem(t *testing.T) {
	keepAlive := net.KeepAliveConfig{Enable: true, Idle: 21 * time.Second, Interval: 4 * time.Second, Count: 6}
	ln, err := ListenConfig(keepAlive, 7*time.Second).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := net.Dialer{Control: Control(9 * time.Second)}
	client, err := d.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, want := range []struct {
		what               string
		conn               net.Conn
		level, name, value int
	}{
		{"dialled, time without acknowledgement", client, syscall.IPPROTO_TCP, userTimeout, 9000},
		{"time without acknowledgement", server, syscall.IPPROTO_TCP, userTimeout, 7000},
		{"probes", server, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"time before a probe", server, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 21},
		{"time between probes", server, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 4},
		{"number of probes", server, syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 6},
		{"no delay", server, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
	} {
		raw, err := want.conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if got, err := syscall.GetsockoptInt(int(fd), want.level, want.name); got != want.value {
				t.Errorf("%s: got %d, %v; want %d", want.what, got, err, want.value)
			}
		})
	}
}

// TestPeerWithoutRoomIsGivenUp holds that a peer that takes nothing more is
// noticed by who writes to it.
func TestPeerWithoutRoomIsGivenUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := net.Dialer{Control: Control(500 * time.Millisecond)}
	conn, err := d.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	silent, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	for err == nil {
		_, err = conn.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("got %v, want %v", err, syscall.ETIMEDOUT)
	}
}

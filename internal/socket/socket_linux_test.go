package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestAcceptedSocketsHaveIt holds that a listener's connections have what the
// listener has, and dialled ones what the dialer says.
func TestAcceptedSocketsHaveIt(t *testing.T) {
	lc := net.ListenConfig{Control: Control(7 * time.Second)}
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
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
	for conn, want := range map[net.Conn]int{client: 9000, server: 7000} {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout); got != want {
				t.Errorf("got %d ms, %v; want %d", got, err, want)
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

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// part is a load or a backend that runs as a process of its own, so that its
// CPU is not the server's and its core is not either.
func part(name string, args []string) error {
	if name == "services" {
		return services()
	}
	if len(args) != 3 {
		return errors.New("it takes a mode, an address, and a duration or number")
	}
	mode, address := args[0], args[1]
	if name == "hold" {
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return holdOpen(mode, address, n)
	}
	length, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	switch name {
	case "connect":
		return again(8, length, func() error { return connectOnce(mode, address) })
	case "pingpong":
		return pingpong(mode, address, length)
	case "up", "down":
		return moveBytes(name, mode, address, length)
	}
	return errors.New("there is no such part")
}

// services serves what the cases need behind the server, prints the addresses,
// and goes on until it is killed.
func services() error {
	upload, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(upload.Addr())
	go http.Serve(upload, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	chunk := make([]byte, 64<<10)
	for _, serve := range []func(net.Conn){
		echoAll,
		func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		func(conn net.Conn) {
			for {
				if _, err := conn.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(ln.Addr())
		go accept(ln, serve)
	}
	select {}
}

// echoAll sends back what comes. A plain io.Copy would take two descriptors more
// for a pipe.
func echoAll(conn net.Conn) {
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

func accept(ln net.Listener, serve func(net.Conn)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// open makes a connection of a mode: "raw" TCP, "tls", or a "tunnel", which is a
// WebSocket.
func open(mode, address string) (net.Conn, *bufio.Reader, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, nil, err
	}
	switch mode {
	case "tls", "https":
		// The same key exchange with every server: not all have ML-KEM.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}})
	case "tunnel":
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+address+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
			return nil, nil, err
		}
	}
	in := bufio.NewReaderSize(conn, 512)
	if mode == "tunnel" {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, nil, err
		}
		if res.StatusCode != http.StatusSwitchingProtocols {
			return nil, nil, errors.New(res.Status)
		}
	}
	return conn, in, nil
}

// message is payload as a client sends it in mode, and how many bytes an echo
// of it has.
func message(mode string, payload []byte) (out []byte, back int) {
	if mode != "tunnel" {
		return payload, len(payload)
	}
	head := []byte{0x82}
	switch n := len(payload); {
	case n < 126:
		head, back = append(head, 0x80|byte(n)), 2+n
	default:
		head, back = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n)), 4+n
	}
	mask := []byte{0x37, 0xfa, 0x21, 0x3d}
	out = append(head, mask...)
	for i, b := range payload {
		out = append(out, b^mask[i%4])
	}
	return out, back
}

// exchange asks over a connection of mode and reads the whole answer.
func exchange(mode string, conn net.Conn, in *bufio.Reader, closing bool) error {
	if mode == "tls" || mode == "http" || mode == "https" {
		head := "GET /small HTTP/1.1\r\nHost: bench.test\r\n"
		if closing {
			head += "Connection: close\r\n"
		}
		if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %w", res.Status, err)
		}
		return nil
	}
	out, back := message(mode, []byte{'x'})
	if _, err := conn.Write(out); err != nil {
		return err
	}
	_, err := in.Discard(back)
	return err
}

func connectOnce(mode, address string) error {
	conn, in, err := open(mode, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return exchange(mode, conn, in, true)
}

// holdOpen opens n connections, uses each once, says so, and keeps them until
// its input ends.
func holdOpen(mode, address string, n int) error {
	conns := make([]net.Conn, n)
	errs := make(chan error, 16)
	for worker := range cap(errs) {
		go func() {
			var err error
			for i := worker; i < n && err == nil; i += cap(errs) {
				var in *bufio.Reader
				if conns[i], in, err = open(mode, address); err == nil {
					err = exchange(mode, conns[i], in, false)
				}
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Println("open")
	_, err := io.Copy(io.Discard, os.Stdin)
	for _, conn := range conns {
		_ = conn.Close()
	}
	return err
}

// again repeats do in several goroutines for a while and prints the result.
func again(workers int, length time.Duration, do func() error) error {
	var (
		mu    sync.Mutex
		times []float64
		first error
		wg    sync.WaitGroup
	)
	began := time.Now()
	for range workers {
		wg.Go(func() {
			var mine []float64
			var err error
			for err == nil && time.Since(began) < length {
				start := time.Now()
				if err = do(); err == nil {
					mine = append(mine, time.Since(start).Seconds())
				}
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	return report(times, time.Since(began), first)
}

func report(times []float64, took time.Duration, err error) error {
	if err != nil {
		return err
	}
	slices.Sort(times)
	n := len(times)
	fmt.Println(n, float64(n)/took.Seconds(), times[n/2], times[n*99/100])
	return nil
}

// pingpong sends 64 bytes over each of 64 connections and waits for their echo,
// again and again.
func pingpong(mode, address string, length time.Duration) error {
	const connections = 64
	out, back := message(mode, bytes.Repeat([]byte{'p'}, 64))
	idle := make(chan func() error, connections)
	for range connections {
		conn, in, err := open(mode, address)
		if err != nil {
			return err
		}
		defer conn.Close()
		idle <- func() error {
			if _, err := conn.Write(out); err != nil {
				return err
			}
			_, err := in.Discard(back)
			return err
		}
	}
	return again(connections, length, func() error {
		turn := <-idle
		defer func() { idle <- turn }()
		return turn()
	})
}

// moveBytes keeps two connections busy in one direction and prints the GiB that
// went.
func moveBytes(direction, mode, address string, length time.Duration) error {
	const connections = 2
	frame, _ := message(mode, make([]byte, 16<<10))
	var (
		wg    sync.WaitGroup
		total [connections]int64
		errs  [connections]error
	)
	began := time.Now()
	for i := range connections {
		wg.Go(func() {
			conn, in, err := open(mode, address)
			if err != nil {
				errs[i] = err
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(began.Add(length))
			buf := make([]byte, 256<<10)
			for err == nil {
				var n int
				if direction == "up" {
					n, err = conn.Write(frame)
				} else {
					n, err = in.Read(buf)
				}
				total[i] += int64(n)
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	gib := float64(total[0]+total[1]) / (1 << 30)
	fmt.Println(gib, gib/time.Since(began).Seconds(), 0, 0)
	return errors.Join(errs[:]...)
}

//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestTable(t *testing.T) {
	c := &benchCase{name: "get", title: "small GET", unit: perRequest}
	rows := []row{{name: "nginx"}, {name: "http-master"}}
	samples := [][]sample{
		{{figure: 10, memory: 8 << 20}, {figure: 30, memory: 8 << 20}, {figure: 20, result: result{rate: 50000, p50: 0.001, p99: 0.0125}, memory: 8 << 20}},
		{{figure: 36}, {figure: 40}, {figure: 44.44}},
	}
	const want = `### get: small GET

| server | CPU, us per request | lowest to highest | ratio | requests/s | p50, ms | p99, ms | memory, MiB |
|---|---|---|---|---|---|---|---|
| nginx | 20.0 | 10.0 to 30.0 | 1.00 | - | - | - | 8 |
| http-master | 40.0 | 36.0 to 44.4 | 2.00 | - | - | - | 0 |
`
	if got := table(c, rows, samples); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

// TestMessage decodes what a client's message is on the wire.
func TestMessage(t *testing.T) {
	for _, n := range []int{1, 64, 125, 126, 16 << 10} {
		payload := bytes.Repeat([]byte{'a', 'b', 'c'}, n)[:n]
		if out, back := message("raw", payload); !bytes.Equal(out, payload) || back != n {
			t.Errorf("%d bytes of plain TCP: %d bytes, %d back", n, len(out), back)
		}
		out, back := message("tunnel", payload)
		length, rest := int(out[1]&0x7f), out[2:]
		if length == 126 {
			length, rest = int(binary.BigEndian.Uint16(rest)), rest[2:]
		}
		if out[0] != 0x82 || out[1]&0x80 == 0 || length != n || len(rest) != 4+n || back != len(out)-4 {
			t.Fatalf("%d bytes: head % x, %d in all, %d back", n, out[:8], len(out), back)
		}
		for i := range rest[4:] {
			rest[4+i] ^= rest[i%4]
		}
		if !bytes.Equal(rest[4:], payload) {
			t.Errorf("%d bytes arrive as others", n)
		}
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose("tunnel-up,get"); err != nil || len(got) != 2 || got[0].name != "get" || got[1].name != "tunnel-up" {
		t.Errorf("choose gives %v, %v", got, err)
	}
	if _, err := choose("get,got"); err == nil || err.Error() != `there is no case "got": -list has them` {
		t.Errorf("the error for an unknown case is %v", err)
	}
}

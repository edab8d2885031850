package tunnel

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"testing"
)

// FuzzFrames sends a server whatever bytes, and the end. What reaches the TCP
// connection must be what a reader written from the RFC makes of them, what we
// answer must be frames, and the tunnel must end.
func FuzzFrames(f *testing.F) {
	for _, c := range conformanceCases {
		var sent []byte
		for _, frame := range c.frames {
			sent = append(sent, frame.bytes(true)...)
		}
		f.Add(sent)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		e := startTestedServer(t, Options{})
		var got []byte
		var working sync.WaitGroup
		working.Go(func() {
			inOnePiece(e.peer, sent)
			closeWrite(e.peer.Conn)
		})
		working.Go(func() {
			got, _ = io.ReadAll(e.target)
			_ = e.target.Close()
		})
		var err error
		for err == nil {
			_, err = readWire(e.peer.in, false)
		}
		if err != io.EOF {
			t.Errorf("what we get: %v", err)
		}
		_ = e.peer.Close()
		working.Wait()
		e.wait(t)

		// Of a frame that is cut off, there may be some of its bytes more.
		want, cutOff := dataIn(sent)
		if !bytes.HasPrefix(got, want) || len(got) > len(want)+cutOff {
			t.Errorf("the TCP connection got %q, want %q", got, want)
		}
	})
}

// dataIn gives the data in a client's frames up to the first one that ends or
// breaks the WebSocket, and the length of what there is of the payload of one
// that is cut off.
func dataIn(b []byte) (data []byte, cutOff int) {
	inMessage := false
	for len(b) >= 2 {
		first, length, size := b[0], uint64(b[1]&0x7f), 0
		if length >= 126 {
			size = map[uint64]int{126: 2, 127: 8}[length]
			if len(b) < 2+size {
				return data, 0
			}
			var extended [8]byte
			copy(extended[8-size:], b[2:])
			length = binary.BigEndian.Uint64(extended[:])
		}
		opcode := first & 0x0f
		control := opcode >= opClose
		switch {
		case first&0x70 != 0, b[1]&0x80 == 0, opcode > opPong, opcode > opBinary && !control,
			control && (length > 125 || first&final == 0), !control && inMessage != (opcode == opContinuation),
			length >= 1<<63, len(b) < 2+size+4, opcode == opClose:
			return data, 0
		}
		key := [4]byte(b[2+size:])
		b = b[2+size+4:]
		if uint64(len(b)) < length {
			if control {
				return data, 0
			}
			return data, len(b)
		}
		if !control {
			payload := bytes.Clone(b[:length])
			unmask(key, payload)
			data = append(data, payload...)
			inMessage = first&final == 0
		}
		b = b[length:]
	}
	return data, 0
}

//go:build unix

package tunnel

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const benchPiece = 1 << 20

// benchFrames is benchPiece bytes as a client sends them in frames of n.
func benchFrames(n int) []byte {
	var frames []byte
	for p := range chunks(noise(benchPiece), n) {
		frames = append(frames, single(opBinary, string(p)).bytes(true)...)
	}
	return frames
}

// stream writes p b.N times to to, and reads n bytes for each from from.
func stream(b *testing.B, to io.Writer, p []byte, from io.Reader, n int64) {
	b.ReportAllocs()
	b.SetBytes(benchPiece)
	defer cpuPerOp(b)()
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := to.Write(p); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	scrap := make([]byte, 256<<10)
	for left := n * int64(b.N); left > 0; {
		got, err := from.Read(scrap[:min(left, int64(len(scrap)))])
		if err != nil {
			b.Fatal(err)
		}
		left -= int64(got)
	}
	b.StopTimer()
}

// The server's end of a plain tunnel, with a client that costs next to nothing.
func BenchmarkServerUp(b *testing.B) {
	for name, size := range map[string]int{"frames of 16 KiB": 16 << 10, "frames of 1 KiB": 1 << 10} {
		b.Run(name, func(b *testing.B) {
			s := serve(b, Options{})
			peer := dialRaw(b, s.url, nil)
			stream(b, peer, benchFrames(size), s.target, benchPiece)
		})
	}
}

// The frames' headers are some hundredths of a percent more than is read here.
func BenchmarkServerDown(b *testing.B) {
	s := serve(b, Options{})
	peer := dialRaw(b, s.url, nil)
	stream(b, s.target, noise(benchPiece), peer.Conn, benchPiece)
}

// Both ends of a plain tunnel, and of one that can be resumed.
func BenchmarkBothEnds(b *testing.B) {
	ends := map[string]func(b *testing.B) (local, target net.Conn){
		"plain": func(b *testing.B) (local, target net.Conn) {
			s := serve(b, Options{})
			local, _ = dialOurs(b, s.url)
			return local, s.target
		},
		"session": func(b *testing.B) (local, target net.Conn) {
			s := serveSessions(b, time.Minute)
			far, _ := s.offer(b, "/a")
			return s.forward(b, "", "/a", new(Dialer)).local, far
		},
	}
	for name, open := range ends {
		b.Run(name+"/up", func(b *testing.B) {
			local, target := open(b)
			stream(b, local, noise(benchPiece), target, benchPiece)
		})
		b.Run(name+"/down", func(b *testing.B) {
			local, target := open(b)
			stream(b, target, noise(benchPiece), local, benchPiece)
		})
		b.Run(name+"/64 bytes and back", func(b *testing.B) {
			local, target := open(b)
			b.ReportAllocs()
			go func() { _, _ = io.Copy(target, target) }()
			p := noise(64)
			defer cpuPerOp(b)()
			for b.Loop() {
				if _, err := local.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(local, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A handshake of both ends over a connection of its own.
func BenchmarkSetUp(b *testing.B) {
	s := serveMany(b)
	b.ReportAllocs()
	defer cpuPerOp(b)()
	for b.Loop() {
		ws, err := new(Dialer).Dial(b.Context(), s.url)
		if err != nil {
			b.Fatal(err)
		}
		ws.CloseNow()
	}
}

// The memory that a server holds for each tunnel that waits, without what the
// kernel has. The two ends that the test holds are in it with about 1 KiB.
func BenchmarkIdle(b *testing.B) {
	s := serveMany(b)
	answer := make([]byte, 1024)
	before := inUse()
	n := 0
	for b.Loop() {
		conn, err := net.Dial("tcp", s.url[len("http://"):])
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		if _, err = conn.Write([]byte(rawHandshake)); err == nil {
			_, err = conn.Read(answer)
		}
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(inUse()-before)/1024/float64(n), "KiB/tunnel")
}

// cpuPerOp reports the processor time of the whole process, which other work on
// the machine disturbs less than the time that passes.
func cpuPerOp(b *testing.B) (done func()) {
	before := cpuTime(b)
	return func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") }
}

func cpuTime(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

func inUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

package tunnel

import "sync"

const (
	// frameSize is the largest message we send. Some peers refuse larger ones.
	frameSize = 64 << 10
	// idleSize is what a tunnel that waits for its TCP side holds.
	idleSize = 4 << 10
	// headerRoom is the largest frame header a server or client writes.
	headerRoom = 14
)

// bufferPool keeps buffers of one size for reuse.
type bufferPool struct {
	size int
	pool sync.Pool
}

var (
	idleBuffers  = bufferPool{size: idleSize}
	dataBuffers  = bufferPool{size: frameSize}
	frameBuffers = bufferPool{size: frameSize + headerRoom}
)

// get gives a buffer of the pool's size.
func (b *bufferPool) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:b.size]
	}
	return make([]byte, b.size)
}

// put takes a buffer back. One that has grown is left to the collector, so that
// a moment's flood does not stay in memory.
func (b *bufferPool) put(p []byte) {
	if cap(p) == b.size {
		b.pool.Put(&p)
	}
}

// putBuffer takes back what came from idleBuffers or dataBuffers.
func putBuffer(p []byte) {
	idleBuffers.put(p)
	dataBuffers.put(p)
}

// resize gives the buffer for the next read after one that filled n bytes of
// buf: a tunnel that waits holds a small one, a busy one a large one.
func resize(buf []byte, n int) []byte {
	switch {
	case len(buf) == idleSize && n == idleSize:
		putBuffer(buf)
		buf = dataBuffers.get()
	case len(buf) > idleSize && n < idleSize:
		putBuffer(buf)
		buf = idleBuffers.get()
	}
	return buf
}

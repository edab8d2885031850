package tunnel

import "sync"

const (
	// frameSize is the longest message that we send, with its frame's header:
	// some peers refuse longer ones, and so much fills records of TLS.
	frameSize = 64 << 10
	// maxPayload is the longest payload that we send.
	maxPayload = frameSize - maxHeader
	// batch is how many of the longest frames fit into the largest buffer, and
	// so into one system call.
	batch = 4
	// headRoom stands in front of what is read into a buffer, for the headers of
	// the frames that it is sent in.
	headRoom = batch * maxHeader
)

// bufferSizes are how much can be read into the buffers there are, from the one
// for a user who types to the one for a stream.
var bufferSizes = [...]int{4 << 10, 16 << 10, maxPayload, batch * maxPayload}

const largest = len(bufferSizes) - 1

// buffer is a piece of memory that is used again. It begins with headRoom.
type buffer struct {
	bytes []byte
	size  int // which of bufferSizes
}

var bufferPools [len(bufferSizes)]sync.Pool

// getBuffer gives a buffer of a size of bufferSizes.
func getBuffer(size int) *buffer {
	if b, ok := bufferPools[size].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, headRoom+bufferSizes[size]), size}
}

func putBuffer(b *buffer) { bufferPools[b.size].Put(b) }

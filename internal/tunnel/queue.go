package tunnel

import (
	"sync"
	"sync/atomic"
)

// chunkSize is the unit in which a queue takes and returns memory.
const chunkSize = 16 << 10

var chunkPool = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// budget counts the memory of many queues together.
type budget struct {
	used   atomic.Int64
	most   int64
	within *budget // that counts these queues as well, and others; may be nil
}

// exceeded says whether the queues hold more than they should, or all those do
// that they are counted with. A nil budget has no limit.
func (b *budget) exceeded() bool {
	return b != nil && (b.used.Load() > b.most || b.within.exceeded())
}

func (b *budget) add(n int64) {
	for ; b != nil; b = b.within {
		b.used.Add(n)
	}
}

// queue is a part of a stream of bytes: what stands between start and end,
// counted from the stream's beginning. An empty one holds no memory.
type queue struct {
	start, end uint64
	chunks     []*[chunkSize]byte
	skip       int     // bytes of chunks[0] before start
	budget     *budget // nil: not counted
}

func (q *queue) len() int { return int(q.end - q.start) }

// append adds a copy of p.
func (q *queue) append(p []byte) {
	for len(p) > 0 {
		fill := (q.skip + q.len()) % chunkSize
		if q.skip+q.len() == len(q.chunks)*chunkSize {
			q.chunks = append(q.chunks, chunkPool.Get().(*[chunkSize]byte))
			q.budget.add(chunkSize)
			fill = 0
		}
		n := copy(q.chunks[len(q.chunks)-1][fill:], p)
		q.end += uint64(n)
		p = p[n:]
	}
}

// at gives the bytes from offset to the end of their chunk, or of the queue.
// They stay as they are until they are dropped.
func (q *queue) at(offset uint64) []byte {
	from := q.skip + int(offset-q.start)
	to := min((from/chunkSize+1)*chunkSize, q.skip+q.len())
	if from >= to {
		return nil
	}
	first := from / chunkSize * chunkSize
	return q.chunks[from/chunkSize][from-first : to-first]
}

// parts adds to list what the queue holds, from its start, as long as list has
// room.
func (q *queue) parts(list [][]byte) [][]byte {
	for offset := q.start; len(list) < cap(list); {
		p := q.at(offset)
		if len(p) == 0 {
			break
		}
		list = append(list, p)
		offset += uint64(len(p))
	}
	return list
}

// appendTo adds to b at most most of the bytes from offset on.
func (q *queue) appendTo(b []byte, offset uint64, most int) []byte {
	for most > 0 {
		p := q.at(offset)
		if len(p) == 0 {
			return b
		}
		p = p[:min(len(p), most)]
		b = append(b, p...)
		offset += uint64(len(p))
		most -= len(p)
	}
	return b
}

// drop forgets what stands before to, which must not be beyond the end.
func (q *queue) drop(to uint64) {
	q.skip += int(to - q.start)
	q.start = to
	freed := q.skip / chunkSize
	if q.len() == 0 {
		freed, q.skip = len(q.chunks), 0
	}
	if freed == 0 {
		return
	}
	for _, chunk := range q.chunks[:freed] {
		chunkPool.Put(chunk)
	}
	q.budget.add(int64(-freed) * chunkSize)
	q.chunks = append(q.chunks[:0], q.chunks[freed:]...)
	q.skip %= chunkSize
	if len(q.chunks) == 0 {
		q.chunks = nil
	}
}

// clear drops everything.
func (q *queue) clear() { q.drop(q.end) }

package tunnel

import (
	"encoding/binary"
	"math/bits"
)

// turned is the key for what stands n bytes behind what key is for.
func turned(key uint32, n int) uint32 { return bits.RotateLeft32(key, -8*(n%4)) }

// mask puts src, masked with key, into dst (RFC 6455, 5.3), of which it takes as
// many bytes as src has. Both may be in the same array if dst does not begin
// behind src.
func mask(dst, src []byte, key uint32) {
	if len(src) == 0 || key == 0 && &dst[0] == &src[0] {
		return
	}
	if key == 0 {
		copy(dst, src)
		return
	}
	dst = dst[:len(src)]
	wide := uint64(key)<<32 | uint64(key)
	le := binary.LittleEndian
	for len(src) >= 32 && len(dst) >= 32 {
		s, d := src[:32], dst[:32]
		s0, s1, s2, s3 := le.Uint64(s), le.Uint64(s[8:]), le.Uint64(s[16:]), le.Uint64(s[24:])
		le.PutUint64(d, s0^wide)
		le.PutUint64(d[8:], s1^wide)
		le.PutUint64(d[16:], s2^wide)
		le.PutUint64(d[24:], s3^wide)
		src, dst = src[32:], dst[32:]
	}
	for i, b := range src {
		dst[i] = b ^ byte(key)
		key = turned(key, 1)
	}
}

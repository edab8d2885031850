package middleware

import "crypto/md5"

// cryptAlphabet is the order in which crypt(3) and its kin write six bits as a
// character.
const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// md5Crypt is FreeBSD's MD5 scheme, with magic "$1$", and Apache's, which is
// the same with "$apr1$". It gives the 22 characters behind the salt.
func md5Crypt(password []byte, magic, salt string) string {
	h := md5.New()
	h.Write(password)
	h.Write([]byte(salt))
	h.Write(password)
	inner := h.Sum(nil)

	h.Reset()
	h.Write(password)
	h.Write([]byte(magic))
	h.Write([]byte(salt))
	for left := len(password); left > 0; left -= md5.Size {
		h.Write(inner[:min(left, md5.Size)])
	}
	for bits := len(password); bits > 0; bits >>= 1 {
		if bits&1 == 1 {
			h.Write([]byte{0})
		} else {
			h.Write(password[:1])
		}
	}
	sum := h.Sum(nil)

	for round := range 1000 {
		h.Reset()
		first, last := sum, password
		if round&1 == 1 {
			first, last = password, sum
		}
		h.Write(first)
		if round%3 != 0 {
			h.Write([]byte(salt))
		}
		if round%7 != 0 {
			h.Write(password)
		}
		h.Write(last)
		sum = h.Sum(sum[:0])
	}

	out := make([]byte, 0, 22)
	for _, group := range [...][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		bits := uint(sum[group[0]])<<16 | uint(sum[group[1]])<<8 | uint(sum[group[2]])
		out = appendSixBits(out, bits, 4)
	}
	return string(appendSixBits(out, uint(sum[11]), 2))
}

// appendSixBits writes bits as n characters, the lowest six first.
func appendSixBits(out []byte, bits uint, n int) []byte {
	for range n {
		out = append(out, cryptAlphabet[bits&63])
		bits >>= 6
	}
	return out
}

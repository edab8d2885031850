//go:build !unix

package tunnel

// canPoll is false where a socket cannot be read but through its Read.
const canPoll = false

func (*source) tryRead(uintptr) bool { return true }

//go:build !linux

package tunnel

import (
	"syscall"
	"time"
)

// unheard is known on Linux only.
func unheard(syscall.RawConn) time.Duration { return 0 }

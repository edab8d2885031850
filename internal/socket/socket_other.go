//go:build !linux

package socket

import (
	"syscall"
	"time"
)

// SetUserTimeout does nothing here.
func SetUserTimeout(syscall.RawConn, time.Duration) error { return nil }

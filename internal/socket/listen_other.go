//go:build !linux

package socket

import (
	"net"
	"time"
)

// ListenConfig gives the configuration of a listener whose connections send
// keep-alive probes as keepAlive says.
func ListenConfig(keepAlive net.KeepAliveConfig, _ time.Duration) *net.ListenConfig {
	return &net.ListenConfig{KeepAliveConfig: keepAlive}
}

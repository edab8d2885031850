package proxy

import "net"

// peeker cannot look into a connection's input here: that a connection has
// been closed is found out when it is used.
type peeker struct{}

func (peeker) init(net.Conn) {}
func (peeker) quiet() bool   { return true }
func (peeker) open() bool    { return true }

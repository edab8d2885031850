package main

import "httpmaster/internal/server"

// inheritActivated has nothing to give: there is no systemd.
func inheritActivated(*server.Server) []error { return nil }

package server

import (
	"httpmaster/config"
	"httpmaster/internal/statuspage"
	"httpmaster/router"
)

// statusPage makes the page that shows the server, and can close its tunnels.
func (b *builder) statusPage(v *config.Status, at place) router.Handler {
	if !at.guarded {
		b.faults.Warnf(v.Pos, "the status page shows rules, clients and targets to anybody, and lets them close tunnels: put `auth` or `allow` before it")
	}
	s := b.server
	return &statuspage.Page{
		Status: s.Status, Tunnels: s.liveTunnels, Refuse: at.errors.Write,
		Close: func(id uint64) bool {
			e := s.tunnels.Find(id)
			if e != nil {
				e.Close(closedByOperator)
			}
			return e != nil
		},
		Ending: s.ending, Streams: &s.pages, Log: s.log,
	}
}

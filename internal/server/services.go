package server

import "httpmaster/config"

// services adds the ports that are no rules' business to the generation.
func (b *builder) services() {
	if m := b.cfg.Modules.Metrics; m != nil {
		p := &port{
			gen: b.gen, key: portKey(m.Listen), network: m.Listen.Network, address: listenAddress(m.Listen),
			service: b.server.metrics(),
		}
		b.front(p, config.Limits{})
		b.gen.ports = append(b.gen.ports, p)
	}
	if p := b.adminPort(); p != nil {
		b.front(p, config.Limits{})
		b.gen.ports = append(b.gen.ports, p)
	}
}

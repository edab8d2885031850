package tunnel

import "sync/atomic"

// Meter counts what one tunnel carries, while it does. The zero value is ready
// to use; all of it may be read at any time.
type Meter struct {
	Received atomic.Int64 // bytes that came from the client and went to the target
	Sent     atomic.Int64 // bytes that came from the target and went to the client
	Resumes  atomic.Int64 // how often the client has come back
	// RoundTrip is the time between the latest ping and its answer, in
	// nanoseconds; 0 before the first.
	RoundTrip atomic.Int64

	// Totals counts the same for all tunnels of a kind; nil for nobody.
	Totals *Totals
}

// Totals is what the tunnels of a rule have carried, those that have ended and
// those that are open.
type Totals struct {
	Opened, Ended  atomic.Int64 // tunnels
	Received, Sent atomic.Int64 // bytes, as in Meter
	Resumes        atomic.Int64
}

// Carried adds bytes that went from the client to the target and back.
func (m *Meter) Carried(received, sent int64) {
	m.Received.Add(received)
	m.Sent.Add(sent)
	if m.Totals != nil {
		m.Totals.Received.Add(received)
		m.Totals.Sent.Add(sent)
	}
}

// resumed counts a client that has come back.
func (m *Meter) resumed() {
	m.Resumes.Add(1)
	if m.Totals != nil {
		m.Totals.Resumes.Add(1)
	}
}

// opened and ended count the tunnel itself.
func (m *Meter) opened() {
	if m.Totals != nil {
		m.Totals.Opened.Add(1)
	}
}

func (m *Meter) ended() {
	if m.Totals != nil {
		m.Totals.Ended.Add(1)
	}
}

package proxy

// MemberReport is how one target of a Balancer does.
type MemberReport struct {
	Address string
	State   MemberState
	InUse   int // requests and tunnels under way
}

// MemberState tells whether a target gets requests.
type MemberState string

// The states.
const (
	MemberUp      MemberState = "up"
	MemberDown    MemberState = "down"    // its health checks fail
	MemberEjected MemberState = "ejected" // requests to it kept failing
)

// Report tells how the targets do, in the order of the settings.
func (b *Balancer) Report() []MemberReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]MemberReport, len(b.members))
	for i, m := range b.members {
		list[i] = MemberReport{m.name, MemberUp, m.inUse}
		switch {
		case m.down:
			list[i].State = MemberDown
		case !m.outUntil.IsZero():
			list[i].State = MemberEjected
		}
	}
	return list
}

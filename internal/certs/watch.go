package certs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// maxPending is for how many looks in a row files may go on changing
	// before what they hold counts as final. Something that never rests, such
	// as a log in the folder, must not put it off for ever.
	maxPending = 5
	// maxReview is the longest time without a fresh look at what has expired.
	maxReview = 24 * time.Hour
	// restFactor keeps looking at files on slow or huge folders below a tenth
	// of the time.
	restFactor = 10
)

// watchState is what Rescan knows from the time before.
type watchState struct {
	seen     look
	pending  int            // looks in a row at which something had changed
	reviewAt time.Time      // when a certificate expires or becomes valid
	folder   []*Certificate // served from the folder
	pairs    []*Certificate // the last good one of each pair
	told     []*Certificate // all that the log knows of
	notices  []Notice       // likewise
}

// look is the state of all the files a store depends on.
type look struct {
	folder *listing // nil without a folder
	files  []entry  // of the pairs
}

func (s *Store) look() look {
	var l look
	if s.dir != "" {
		l.folder = list(s.dir)
	}
	for i := range s.pairs {
		for _, file := range s.pairs[i].files() {
			info, err := os.Stat(file)
			l.files = append(l.files, entry{path: file, info: info, err: err})
		}
	}
	return l
}

func (l look) same(m look) bool {
	return (l.folder == nil || l.folder.same(m.folder)) && slices.EqualFunc(l.files, m.files, sameEntry)
}

// Run follows the files until ctx is done: it looks at their metadata once in
// Options.Interval and reads them again when that has changed. Metadata works
// where notification does not: network file systems, swapped links. It also
// fetches the OCSP answers that are stapled.
func (s *Store) Run(ctx context.Context) {
	var stapling sync.WaitGroup
	stapling.Go(func() { s.staple(ctx) })
	defer stapling.Wait()
	timer := time.NewTimer(s.interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		cost := s.rescan()
		timer.Reset(max(s.interval, restFactor*cost))
	}
}

// Rescan takes one look, as Run does time and again.
//
// What is new is served from the first look that finds it. What is missing or
// broken is believed only when it is still so, unchanged, at the next look:
// certificates and keys are separate files, and nobody writes them all at
// once. Until then the certificates from before stay.
func (s *Store) Rescan() { s.rescan() }

// rescan also tells how long the look at the metadata took.
func (s *Store) rescan() (cost time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.watch
	started := time.Now()
	seen := s.look()
	cost = time.Since(started)
	now := s.now()
	changed := !seen.same(w.seen)
	if !changed && w.pending == 0 && now.Before(w.reviewAt) {
		return cost
	}
	w.seen = seen
	if changed {
		w.pending++
	} else {
		w.pending = 0
	}
	final := w.pending == 0 || w.pending >= maxPending
	notices, faults := s.load(now, final)
	if final {
		s.tellChanges()
		s.tellNotices(append(notices, aboutFaults(faults)...))
	}
	return cost
}

// first is the load at start, where a faulty pair is an error.
func (s *Store) first() []error {
	w := &s.watch
	w.seen = s.look()
	var all []error
	if l := w.seen.folder; l != nil && l.err != nil {
		all = append(all, fmt.Errorf("certificate folder %s: %s", s.dir, reason(l.err)))
	}
	w.pairs = make([]*Certificate, len(s.pairs))
	notices, faults := s.load(s.now(), true)
	for _, fault := range faults {
		all = append(all, fault)
	}
	if len(all) > 0 {
		return all
	}
	w.told = s.current.Load().certs
	s.tellNotices(notices)
	return nil
}

// load reads everything and swaps the index.
func (s *Store) load(now time.Time, final bool) ([]Notice, []*PairError) {
	w := &s.watch
	faults := s.loadPairs(now)
	src := sources{primary: s.primary}
	for i, c := range w.pairs {
		if c != nil {
			src.pairs = append(src.pairs, c)
			src.names = append(src.names, s.pairNames[i])
		}
	}
	folder := s.readFolder(now)
	src.fresh, src.kept = folder.merge(w.folder, now, final)
	w.folder = slices.Concat(src.fresh, src.kept)
	w.reviewAt = review(now, slices.Concat(w.folder, w.pairs, folder.Certificates))
	x := newIndex(src)
	s.publish(x)

	notices := folder.Notices
	if !folder.gone {
		notices = append(notices, aboutKept(src.kept)...)
	}
	notices = append(notices, aboutPairs(src.pairs, now)...)
	return append(notices, s.aboutAll(x)...), faults
}

// loadPairs reads the pairs. A faulty one leaves the one from before.
func (s *Store) loadPairs(now time.Time) []*PairError {
	var faults []*PairError
	for i := range s.pairs {
		c, err := s.pairs[i].load(now)
		if err != nil {
			err.Index = i
			faults = append(faults, err)
			continue
		}
		s.watch.pairs[i] = c
	}
	return faults
}

// readFolder scans the folder as it was listed. One that is gone, or has
// become empty, like a mount point without its file system, gives a Folder
// with just that notice.
func (s *Store) readFolder(now time.Time) *Folder {
	l := s.watch.seen.folder
	what := ""
	switch {
	case l == nil:
		return &Folder{}
	case l.err != nil:
		what = "the certificate folder cannot be read: " + reason(l.err)
	case len(l.entries) == 0 && len(s.watch.folder) > 0:
		what = "the certificate folder has become empty"
	default:
		return l.scan(now, new(systemRoots))
	}
	return &Folder{gone: true, Notices: []Notice{{File: s.dir, Text: what + "; what was read before is still served"}}}
}

// review tells when time alone changes what can be served.
func review(now time.Time, list []*Certificate) time.Time {
	at := now.Add(maxReview)
	for _, c := range list {
		if c == nil {
			continue
		}
		for _, t := range []time.Time{c.Leaf.NotBefore, c.warnAt(), c.Leaf.NotAfter.Add(time.Second)} {
			if t.After(now) && t.Before(at) {
				at = t
			}
		}
	}
	return at
}

package server

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"httpmaster/internal/status"
)

// maxRecent is how many warnings and errors are remembered, and maxRecentText
// how much of each, in bytes.
const (
	maxRecent     = 50
	maxRecentText = 1000
)

// recentEvents remembers the newest warnings and errors of the log.
type recentEvents struct {
	mu   sync.Mutex
	list []status.Event // the oldest first
}

// get gives the newest first.
func (r *recentEvents) get() []status.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append([]status.Event{}, r.list...) // [] as JSON, not null
	slices.Reverse(list)
	return list
}

func (r *recentEvents) add(e status.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == maxRecent {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, e)
}

// remembering is a log handler in front of another that keeps warnings and
// errors.
type remembering struct {
	slog.Handler
	events *recentEvents
	attrs  string // those of WithAttrs
}

// Enabled is part of slog.Handler.
func (h remembering) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// Handle is part of slog.Handler.
func (h remembering) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		var text strings.Builder
		text.WriteString(r.Message)
		text.WriteString(h.attrs)
		r.Attrs(func(a slog.Attr) bool {
			text.WriteString(attrText(a))
			return true
		})
		whole := text.String()
		if len(whole) > maxRecentText {
			whole = strings.ToValidUTF8(whole[:maxRecentText], "") + "…"
		}
		h.events.add(status.Event{Time: r.Time, Level: r.Level.String(), Text: whole})
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func attrText(a slog.Attr) string { return " " + a.Key + "=" + a.Value.String() }

// WithAttrs is part of slog.Handler.
func (h remembering) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += attrText(a)
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup is part of slog.Handler.
func (h remembering) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

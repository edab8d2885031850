package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"httpmaster/config"
)

// plainHandler writes records for people: time, level, the sentence, then the
// attributes as slog's own text handler writes them. Line breaks in a message
// are escaped, so that one event is one line.
type plainHandler struct {
	shared *plainOutput
	level  slog.Level
	attrs  slog.Handler // a text handler that writes attributes only, into shared.line
}

type plainOutput struct {
	mu   sync.Mutex
	line bytes.Buffer
	out  io.Writer
}

func newPlainHandler(out io.Writer, level slog.Level) *plainHandler {
	shared := &plainOutput{out: out}
	attrs := slog.NewTextHandler(&shared.line, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &plainHandler{shared: shared, level: level, attrs: attrs}
}

// Enabled is part of slog.Handler.
func (h *plainHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle is part of slog.Handler.
func (h *plainHandler) Handle(ctx context.Context, r slog.Record) error {
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	line := &h.shared.line
	line.Reset()
	fmt.Fprintf(line, "%s %-5s %s ", r.Time.Format("2006-01-02 15:04:05"), r.Level, oneLine.Replace(r.Message))
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	text := bytes.TrimRight(line.Bytes(), " \n")
	_, err := h.shared.out.Write(append(text, '\n'))
	return err
}

var oneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x1b", `\x1b`)

// WithAttrs is part of slog.Handler.
func (h *plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &plainHandler{shared: h.shared, level: h.level, attrs: h.attrs.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (h *plainHandler) WithGroup(name string) slog.Handler {
	return &plainHandler{shared: h.shared, level: h.level, attrs: h.attrs.WithGroup(name)}
}

// newLog makes the process's own log.
func newLog(cfg *config.Config, out io.Writer, level slog.Level) *slog.Logger {
	if cfg.Modules.AppLog.Type.Value == "json" {
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: readable}))
	}
	return slog.New(newPlainHandler(out, level))
}

// readable makes text of what JSON would have in its parts: durations would be
// nanoseconds, addresses objects.
func readable(_ []string, a slog.Attr) slog.Attr {
	if text, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() != slog.KindTime && a.Key != slog.LevelKey {
		a.Value = slog.StringValue(text.String())
	}
	return a
}

// logOutput gives where the process's own log goes, and how to close it.
func logOutput(cfg *config.Config, stderr io.Writer) (io.Writer, func(), error) {
	name := cfg.Modules.AppLog.File.Value
	if name == "" {
		return stderr, func() {}, nil
	}
	name = cfg.Resolve(name)
	l, err := openAppLog(name)
	if err != nil {
		return nil, nil, err
	}
	return l, l.close, nil
}

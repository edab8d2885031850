package middleware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// deadlines notes the write deadlines that are set: "for" one, "lifted", and
// what is written between them.
type deadlines struct {
	*httptest.ResponseRecorder
	seen []string
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	what := "for"
	if t.IsZero() {
		what = "lifted"
	}
	d.seen = append(d.seen, what)
	return nil
}

func (d *deadlines) Write(p []byte) (int, error) {
	d.seen = append(d.seen, string(p))
	return len(p), nil
}

func (d *deadlines) WriteString(s string) (int, error) { return d.Write([]byte(s)) }

func (d *deadlines) Flush() { d.seen = append(d.seen, "flush") }

func TestProgress(t *testing.T) {
	tests := []struct {
		name   string
		handle func(*Recorder)
		want   string
	}{
		{"no body", func(r *Recorder) { r.WriteHeader(204) }, ""},
		{"a body", func(r *Recorder) { io.WriteString(r, "a"); r.Write([]byte("b")) }, "for a for b"},
		{"a file", func(r *Recorder) { r.ReadFrom(strings.NewReader("a")) }, "for a"},
		{"a stream, silent at times", func(r *Recorder) { io.WriteString(r, "a"); r.Flush() }, "for a for flush lifted for"},
		{"deadlines of its own", func(r *Recorder) {
			http.NewResponseController(r).SetWriteDeadline(time.Now())
			io.WriteString(r, "a")
			r.Flush()
		}, "for a flush"},
		{"its own, lifted at the end", func(r *Recorder) {
			io.WriteString(r, "a")
			http.NewResponseController(r).SetWriteDeadline(time.Time{})
		}, "for a lifted for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			r := NewRecorder(d)
			r.Progress = time.Hour
			tt.handle(r)
			r.Finish()
			if want := strings.Fields(tt.want); !slices.Equal(d.seen, want) {
				t.Errorf("got %q, want %q", d.seen, want)
			}
		})
	}
}

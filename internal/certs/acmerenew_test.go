package certs

import (
	"testing"
	"testing/synctest"
	"time"

	"httpmaster/internal/certs/acmetest"
)

func TestACMERenewsWithoutAFailure(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com"}, never)
		first := w.serves("a.com")
		w.ordered("a.com")
		for range 59 * 4 {
			time.Sleep(6 * time.Hour)
			w.serves("a.com")
		}
		w.ordered("a.com")
		for range 3 * 24 * 6 {
			time.Sleep(10 * time.Minute)
			w.serves("a.com")
		}
		w.ordered("a.com", "a.com")
		if second := w.serves("a.com"); second.SerialNumber.Cmp(first.SerialNumber) == 0 {
			t.Error("the first certificate is still served")
		}
		for _, text := range []string{
			"ca.test has issued a certificate for a.com, until 2000-03-31",
			"ca.test has renewed a certificate for a.com, until 2000-05-30",
		} {
			if n := w.log.count(text); n != 1 {
				t.Errorf("%d lines have %q", n, text)
			}
		}
		if n := w.log.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings", n)
		}
		w.results(1, 1, 0)
		time.Sleep(300 * acmeDay)
		w.serves("a.com")
	})
}

func TestACMERenewsShortLived(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.ca.Validity = 6 * acmeDay
		w.acme.SetNames([]string{"a.com"}, never)
		for range 4 * 24 * 4 {
			w.serves("a.com")
			time.Sleep(15 * time.Minute)
		}
		w.serves("a.com")
		time.Sleep(2 * time.Hour)
		w.ordered("a.com", "a.com")
		time.Sleep(8*acmeDay + 6*time.Hour)
		w.ordered("a.com", "a.com", "a.com", "a.com")
		w.serves("a.com")
	})
}

func TestACMERenewalThatFails(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com"}, never)
		first := w.serves("a.com")
		w.ca.Refuse("a.com", acmetest.Problem{Type: "urn:ietf:params:acme:error:caa", Detail: "CAA forbids it", Status: 403})
		time.Sleep(59 * acmeDay)
		if n := w.log.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings before anything was tried", n)
		}
		time.Sleep(acmeDay + 2*time.Hour)
		const text = `the certificate for a.com has not been renewed: ca.test says \"CAA forbids it\" ` +
			`(the name's CAA record must allow this authority); it is tried again every hour, the certificate ends 2000-03-31`
		if n := w.log.count(text); n != 1 {
			t.Errorf("%d lines have %q", n, text)
		}
		time.Sleep(3 * acmeDay)
		if n := w.log.count(text); n != 4 {
			t.Errorf("%d lines three days later, want one more for each", n)
		}
		if got := w.serves("a.com"); got.SerialNumber.Cmp(first.SerialNumber) != 0 {
			t.Error("the certificate is another one")
		}
		// The authority breaks down in its turn.
		w.ca.Refuse("a.com", acmetest.Problem{})
		w.down.Store(true)
		time.Sleep(acmeDay)
		if n := w.log.count("has not been renewed"); n != 5 {
			t.Errorf("%d lines, want 5", n)
		}
		w.down.Store(false)
		time.Sleep(2 * time.Hour)
		if n := w.log.count("has renewed a certificate for a.com"); n != 1 {
			t.Errorf("renewed %d times", n)
		}
		time.Sleep(10 * acmeDay)
		if n := w.log.count("level=WARN"); n != 5 {
			t.Errorf("%d warnings in all, want 5", n)
		}
		w.results(1, 1, 5)
	})
}

// results checks what is told of a.com.
func (w *acmeWorld) results(issued, renewed, failed int64) {
	w.t.Helper()
	got := w.acme.Results()
	if len(got) != 1 || got[0].Name != "a.com" || got[0].Issued != issued || got[0].Renewed != renewed || got[0].Failed != failed {
		w.t.Errorf("the results are %+v", got)
	} else if leaf := w.serves("a.com"); leaf.SerialNumber.Cmp(got[0].Leaf.SerialNumber) != 0 {
		w.t.Errorf("the results have another certificate than is served")
	}
}

func TestACMERestartsWithoutOrders(t *testing.T) {
	inBubble(t, func(w *acmeWorld) {
		w.acme.SetNames([]string{"a.com"}, never)
		first := w.serves("a.com")
		w.close()
		w.down.Store(true) // it is not even asked
		w.open(Options{})
		w.acme.SetNames([]string{"a.com"}, never)
		synctest.Wait()
		if again := w.serves("a.com"); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
			t.Error("another certificate is served")
		}
		if n := w.log.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings", n)
		}
		w.down.Store(false)
		time.Sleep(61 * acmeDay)
		w.ordered("a.com", "a.com")
		w.serves("a.com")
		// The clocks of the first process still run, but do nothing.
	})
}

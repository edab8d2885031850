package certs

import (
	"fmt"
	"time"
)

// notices says what an operator should know about the folder.
func (s *scanner) notices(truncated bool) {
	served := servedNames(s.folder.Certificates, func(c *Certificate) bool { return true })
	s.renewed = servedNames(s.folder.Certificates, func(c *Certificate) bool { return s.now.Before(c.warnAt()) })
	for _, c := range s.folder.Certificates {
		c.Replaced = c.expired(s.now) && covers(served, c)
	}
	told := make(map[*Certificate]bool)
	for _, file := range s.folder.Files {
		if file.SameAs != "" {
			continue
		}
		for _, text := range file.Problems {
			s.notice(file.Path, false, "%s", text)
		}
		if file.TooLarge {
			s.notice(file.Path, true, "%s, not looked at", errTooLarge)
		}
		if file.Keys > 0 && exposed(file.Path) {
			s.notice(file.Path, false, "%s", textExposed)
		}
		for _, c := range file.Certificates {
			if !told[c] {
				told[c] = true
				s.aboutCertificate(c)
			}
		}
		for _, cert := range file.Authorities {
			if f := s.keys[publicID(cert.PublicKey)]; f != nil {
				s.notice(file.Path, true, "the certificate of %q is an authority's, not a server's, and its private key is in this folder", cert.Subject.CommonName)
			}
		}
	}
	if truncated {
		s.notice(s.folder.Dir, false, "more than %d files: the rest is not looked at", maxEntries)
	}
}

func (s *scanner) aboutCertificate(c *Certificate) {
	switch {
	case c.Replaced:
		// What renewals leave behind, years of it in certbot's archive.
	case c.Problem != "":
		s.notice(c.Files[0], c.Problem == textClientOnly, "certificate for %s: %s, not used", c.Title(), c.Problem)
	case c.Missing != "" && len(c.Issuers) > 0:
		s.notice(c.Files[0], false, "certificate for %s: its chain is cut short, the certificate of %q was not found, many clients will refuse it; put it into the folder", c.Title(), c.Missing)
	case c.Missing != "":
		s.notice(c.Files[0], false, "certificate for %s: the certificate of its issuer %q was not found, many clients will refuse it; put it into the folder", c.Title(), c.Missing)
	case c.Ends != "":
		s.notice(c.Files[0], true, "certificate for %s: its chain ends at %q, which this machine does not know: unless that is the root of a private authority, its certificate is missing here", c.Title(), c.Ends)
	}
	if c.Problem == "" && !covers(s.renewed, c) {
		s.notice(c.Files[0], false, "%s", expiryText(c, s.now))
	}
	if c.Problem == "" && c.MustStaple() {
		s.aboutMustStaple(c)
	}
}

func (s *scanner) aboutMustStaple(c *Certificate) {
	if len(c.Leaf.OCSPServer) == 0 {
		s.notice(c.Files[0], false, "certificate for %s: asks clients to refuse it without a stapled OCSP answer (must-staple), but names no responder to get one from; get a certificate without that", c.Title())
		return
	}
	s.notice(c.Files[0], true, "certificate for %s: asks clients to refuse it without a stapled OCSP answer (must-staple), which the server fetches from %s", c.Title(), c.Leaf.OCSPServer[0])
}

// warnAt is when it is late for a renewal: 14 days before the end, or less with
// certificates that live for days only. All clients renew before that.
func (c *Certificate) warnAt() time.Time {
	return c.Leaf.NotAfter.Add(-min(14*24*time.Hour, c.lifetime()/4))
}

// expiryText is another one each day, so that the log has it once a day.
func expiryText(c *Certificate, now time.Time) string {
	left := "less than a day"
	switch days := int(c.Leaf.NotAfter.Sub(now).Hours() / 24); {
	case days == 1:
		left = "1 day"
	case days > 1:
		left = fmt.Sprintf("%d days", days)
	}
	return fmt.Sprintf("certificate for %s: expires on %s, in %s, and has not been renewed", c.Title(), day(c.Leaf.NotAfter), left)
}

func (s *scanner) notice(file string, minor bool, format string, args ...any) {
	s.folder.Notices = append(s.folder.Notices, Notice{File: file, Text: fmt.Sprintf(format, args...), Minor: minor})
}

// servedNames is the names and addresses of the certificates that can be used
// and that are good.
func servedNames(list []*Certificate, good func(*Certificate) bool) map[string]bool {
	names := make(map[string]bool)
	for _, c := range list {
		if !c.Usable() || !good(c) {
			continue
		}
		for _, name := range c.Names {
			names[name] = true
		}
		for _, ip := range c.IPs {
			names[ip.String()] = true
		}
	}
	return names
}

// covers tells whether all of c's names are served.
func covers(served map[string]bool, c *Certificate) bool {
	for _, name := range c.Names {
		if !served[name] && !served["*."+parent(name)] {
			return false
		}
	}
	for _, ip := range c.IPs {
		if !served[ip.String()] {
			return false
		}
	}
	return len(c.Names)+len(c.IPs) > 0
}

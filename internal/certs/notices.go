package certs

import "fmt"

// notices says what an operator should know about the folder.
func (s *scanner) notices(truncated bool) {
	served := servedNames(s.folder.Certificates)
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
	case c.Missing != "":
		s.notice(c.Files[0], false, "certificate for %s: the certificate of its issuer %q was not found, many clients will refuse it; put it into the folder", c.Title(), c.Missing)
	}
}

func (s *scanner) notice(file string, minor bool, format string, args ...any) {
	s.folder.Notices = append(s.folder.Notices, Notice{File: file, Text: fmt.Sprintf(format, args...), Minor: minor})
}

// servedNames is the names and addresses of the certificates that can be used.
func servedNames(list []*Certificate) map[string]bool {
	names := make(map[string]bool)
	for _, c := range list {
		if !c.Usable() {
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

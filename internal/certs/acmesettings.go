package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/acme"
)

// LetsEncrypt is the directory of the authority that is asked by default.
const LetsEncrypt = acme.LetsEncryptURL

// ACMESettings says whose certificates an ACME manager gets, and where it keeps
// them.
type ACMESettings struct {
	Dir       string       // keeps account, certificates and challenges; a subfolder for each Server is made
	Server    string       // directory URL (RFC 8555, section 7.1.1); "" means LetsEncrypt
	Email     string       // where the authority may write to; optional
	CAFile    string       // authorities to trust for Server; "" means the system's
	UserAgent string       // what the server calls itself to the authority
	Log       *slog.Logger // results; nil for none
}

// Key is equal for settings that make the same manager. A CAFile whose content
// has changed makes another one.
func (s ACMESettings) Key() string {
	var trust [sha256.Size]byte
	if s.CAFile != "" {
		content, _ := readBounded(s.CAFile) // Check and OpenACME tell of a fault
		trust = sha256.Sum256(content)
	}
	return fmt.Sprintf("%q %q %q %x", s.folder(), s.directory(), s.Email, trust)
}

func (s ACMESettings) directory() string {
	if s.Server == "" {
		return LetsEncrypt
	}
	return s.Server
}

// folder is a folder for each authority: what a staging server has issued must
// not be served when the config names the real one.
func (s ACMESettings) folder() string {
	name := strings.TrimPrefix(s.directory(), "https://")
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, name)
	return filepath.Join(s.Dir, name)
}

// SettingError is a setting that no manager can be made with.
type SettingError struct {
	Key  string // as the config has it: "configDir", "server" or "caFile"
	Text string
}

// Error gives "key: text".
func (e *SettingError) Error() string { return e.Key + ": " + e.Text }

// Check finds what OpenACME would complain about, and makes nothing. Its error
// is a *SettingError.
func (s ACMESettings) Check() error {
	if err := s.checkServer(); err != nil {
		return err
	}
	if _, err := s.roots(); err != nil {
		return err
	}
	return checkFolder(s.folder())
}

func (s ACMESettings) checkServer() error {
	u, err := url.Parse(s.directory())
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return &SettingError{"server", fmt.Sprintf("%q is not the https:// URL of an ACME directory, such as %s", s.Server, LetsEncrypt)}
	}
	return nil
}

// roots gives what the authority's own certificate is verified against.
func (s ACMESettings) roots() (*tls.Config, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	pool, err := LoadCAPool(s.CAFile)
	if err != nil {
		return nil, &SettingError{"caFile", err.Error()}
	}
	return &tls.Config{RootCAs: pool}, nil
}

// authorityName is what the log calls the authority of a directory.
func authorityName(directory string) string {
	u, err := url.Parse(directory)
	switch {
	case err != nil:
		return directory
	case strings.HasSuffix(u.Host, ".letsencrypt.org"):
		return "Let's Encrypt"
	}
	return u.Host
}

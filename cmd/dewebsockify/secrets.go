package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
)

// readSecret reads a file that nobody else should be able to read, and warns
// where others can.
func (f *forward) readSecret(name string) (string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	f.warnIfOpen(name)
	return string(content), nil
}

// warnIfOpen warns of a file that other users can read. On Windows the mode says
// nothing about them, and a pipe has no others.
func (f *forward) warnIfOpen(name string) {
	info, err := os.Stat(name)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		f.warnings = append(f.warnings, fmt.Sprintf("other users can read %s, which holds a secret: chmod 600 %[1]s", name))
	}
}

// addHeaderFile takes a file of headers, one a line. Empty lines and those that
// begin with # are skipped.
func (f *forward) addHeaderFile(name string) error {
	content, err := f.readSecret(name)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f.addHeader(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	return nil
}

// setPassword takes the file whose first line is the password of the URL's user.
func (f *forward) setPassword(name string) error {
	if f.url.User == nil || f.url.User.Username() == "" {
		return errors.New("the URL names no user to go with the password: write it before the host, as in wss://me@myserver.com/")
	}
	if _, given := f.url.User.Password(); given {
		return errors.New("the URL has a password already")
	}
	content, err := f.readSecret(name)
	if err != nil {
		return err
	}
	password, _, _ := strings.Cut(content, "\n")
	password = strings.TrimSuffix(password, "\r")
	if password == "" {
		return fmt.Errorf("the first line of %s is empty", name)
	}
	f.url.User = url.UserPassword(f.url.User.Username(), password)
	return nil
}

// holdsPassword says whether text is a URL with a password in it.
func holdsPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	_, given := u.User.Password()
	return given
}

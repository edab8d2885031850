package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// sshConfig prints the lines for ssh's config that reach NAME through URL.
func sshConfig(args []string, env environment) error {
	line, err := readCommandLine(args, "ssh-config")
	if err != nil {
		return err
	}
	if len(line.words) != 2 {
		return fmt.Errorf("ssh-config takes a NAME, to call the host by, and a URL, not %d arguments", len(line.words))
	}
	name, address := line.words[0], line.words[1]
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"'#`, r) }) {
		return errors.New("NAME is the word that ssh is called with: no spaces, quotes or #")
	}
	if strings.ContainsFunc(line.user, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"'#`, r) }) {
		return errors.New("--user is one word: no spaces, quotes or #")
	}
	f, err := newForward("-", sshToken.ReplaceAllString(address, "x"), line.settings)
	if err != nil {
		return onCommandLine(err)
	}
	for _, warning := range f.warnings {
		fmt.Fprintf(env.stderr, "dewebsockify: warning: %s\n", warning)
	}
	inSight := slices.ContainsFunc(line.settings, func(s setting) bool { return holdsPassword(s.value) })
	if inSight || holdsPassword(sshToken.ReplaceAllString(address, "x")) {
		fmt.Fprintln(env.stderr, "dewebsockify: warning: other users can see the password in the list of processes: use --password-file")
	}
	command, err := proxyCommand(address, line.settings)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "Host %s\n", name)
	if line.user != "" {
		fmt.Fprintf(env.stdout, "    User %s\n", line.user)
	}
	fmt.Fprintf(env.stdout, "    ProxyCommand %s\n", command)
	return nil
}

// sshToken is what ssh replaces in a ProxyCommand; no letter of these is a digit
// of an escape such as %2F.
var (
	sshToken     = regexp.MustCompile(`%[hnpr]`)
	doubledToken = regexp.MustCompile(`%(%[hnpr])`)
)

// proxyCommand is the command that ssh is to run.
func proxyCommand(address string, settings []setting) (string, error) {
	words := []string{ownName()}
	for _, s := range settings {
		if s.name == insecureSetting {
			words = append(words, "--"+s.name+"="+s.value)
			continue
		}
		if slices.Contains(fileSettings, s.name) {
			full, err := filepath.Abs(s.value)
			if err != nil {
				return "", err
			}
			s.value = full
		}
		words = append(words, "--"+s.name, s.value)
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "%", "%%")
	}
	// Escapes of the URL are doubled, and ssh's tokens are left alone.
	address = strings.ReplaceAll(address, "%", "%%")
	words = append(words, doubledToken.ReplaceAllString(address, "$1"), "-")
	for i, word := range words {
		if strings.ContainsAny(word, "\r\n") {
			return "", errors.New("a line break cannot be written in ssh's config")
		}
		words[i] = quote(word)
	}
	return strings.Join(words, " "), nil
}

// ownName is how this program is called: by its name where that finds it.
func ownName() string {
	const name = "dewebsockify"
	own, err := os.Executable()
	if err != nil {
		return name
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return own
	}
	a, errA := os.Stat(own)
	b, errB := os.Stat(found)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return name
	}
	return own
}

// plainWord is what no shell reads anything into.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9%+,./:=@_-]+$`)

// quote makes word one word for the shell that ssh runs commands with.
func quote(word string) string {
	switch {
	case plainWord.MatchString(word):
		return word
	case runtime.GOOS == "windows":
		return `"` + word + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

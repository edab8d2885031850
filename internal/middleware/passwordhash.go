package middleware

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/x/crypt"
	"golang.org/x/crypto/bcrypt"
)

// passwordHash is one hash of an htpasswd file.
type passwordHash struct {
	text string // as in the file
	// cost is what decides how long a check takes: the method, and its rounds
	// where it has any.
	cost    string
	matches func(password []byte) bool
}

var (
	bcryptForm    = regexp.MustCompile(`^\$2[abxy]?\$(\d\d)\$[./0-9A-Za-z]{53}$`)
	md5CryptForm  = regexp.MustCompile(`^(\$apr1\$|\$1\$)([!-#%-~]{0,8})\$([./0-9A-Za-z]{22})$`)
	sha256Form    = regexp.MustCompile(`^\$5\$(?:rounds=(\d{1,9})\$)?([!-#%-~]{0,16})\$([./0-9A-Za-z]{43})$`)
	sha512Form    = regexp.MustCompile(`^\$6\$(?:rounds=(\d{1,9})\$)?([!-#%-~]{0,16})\$([./0-9A-Za-z]{86})$`)
	desCryptForm  = regexp.MustCompile(`^[./0-9A-Za-z]{13}$`)
	errDamaged    = errors.New("the password hash is damaged or cut off; make the entry anew with \"htpasswd -B\"")
	errUnknown    = errors.New("this kind of password hash is not known; make the entry anew with \"htpasswd -B\"")
	errNoHash     = errors.New("this is no password hash, perhaps a password in clear; make the entry anew with \"htpasswd -B\"")
	errBcryptCost = errors.New("the bcrypt hash has a cost outside 4 to 31; make the entry anew with \"htpasswd -B\"")
)

// parseHash recognises what htpasswd, openssl passwd and mkpasswd make. The
// errors never contain the text, which may be a password.
func parseHash(text string) (passwordHash, error) {
	switch {
	case strings.HasPrefix(text, "$2"):
		return parseBcrypt(text)
	case strings.HasPrefix(text, "$apr1$"), strings.HasPrefix(text, "$1$"):
		return parseMD5Crypt(text)
	case strings.HasPrefix(text, "$5$"), strings.HasPrefix(text, "$6$"):
		return parseSHACrypt(text)
	case strings.HasPrefix(text, "{SHA}"):
		return parseSHA(text)
	case strings.HasPrefix(text, "$"), strings.HasPrefix(text, "{"):
		return passwordHash{}, errUnknown
	case desCryptForm.MatchString(text):
		return passwordHash{text: text, cost: "crypt", matches: func(password []byte) bool {
			return same(desCrypt(password, text[:2]), text)
		}}, nil
	default:
		return passwordHash{}, errNoHash
	}
}

func parseBcrypt(text string) (passwordHash, error) {
	form := bcryptForm.FindStringSubmatch(text)
	if form == nil {
		return passwordHash{}, errDamaged
	}
	if cost, err := strconv.Atoi(form[1]); err != nil || cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return passwordHash{}, errBcryptCost
	}
	hashed := []byte(text)
	return passwordHash{text: text, cost: "bcrypt " + form[1], matches: func(password []byte) bool {
		return bcrypt.CompareHashAndPassword(hashed, password) == nil
	}}, nil
}

func parseMD5Crypt(text string) (passwordHash, error) {
	form := md5CryptForm.FindStringSubmatch(text)
	if form == nil {
		return passwordHash{}, errDamaged
	}
	magic, salt, sum := form[1], form[2], form[3]
	return passwordHash{text: text, cost: "md5", matches: func(password []byte) bool {
		return same(md5Crypt(password, magic, salt), sum)
	}}, nil
}

// parseSHACrypt is for the scheme of glibc's crypt; without "rounds=" it has
// 5,000 of them, and it clamps a number outside 1,000 to 999,999,999.
func parseSHACrypt(text string) (passwordHash, error) {
	method, form, newHash := "sha256 ", sha256Form.FindStringSubmatch(text), sha256.New
	if text[1] == '6' {
		method, form, newHash = "sha512 ", sha512Form.FindStringSubmatch(text), sha512.New
	}
	if form == nil {
		return passwordHash{}, errDamaged
	}
	rounds := 5000
	if form[1] != "" {
		n, err := strconv.Atoi(form[1])
		if err != nil {
			return passwordHash{}, errDamaged
		}
		rounds = max(n, 1000)
	}
	salt, sum := []byte(form[2]), form[3]
	return passwordHash{text: text, cost: method + strconv.Itoa(rounds), matches: func(password []byte) bool {
		return same(string(crypt.KeySHACrypt(newHash, password, salt, rounds)), sum)
	}}, nil
}

func parseSHA(text string) (passwordHash, error) {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "{SHA}"))
	if err != nil || len(sum) != sha1.Size {
		return passwordHash{}, errDamaged
	}
	return passwordHash{text: text, cost: "sha", matches: func(password []byte) bool {
		got := sha1.Sum(password)
		return subtle.ConstantTimeCompare(got[:], sum) == 1
	}}, nil
}

// same compares in a time that does not tell where they differ.
func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

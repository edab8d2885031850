package middleware

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// known are hashes made by others, so that machines without these programs
// test against them too.
var known = []struct{ by, password, hash string }{
	{"htpasswd -B -C 4", "pöss wörd", "$2y$04$f6/hvc9yyC.1rJaw4n0L4.yGf52F/nIY4cZNJYIkjrKCUjsHEf0x6"},
	{"htpasswd -B", "secret", "$2y$05$RWr4mf2bTkKitDxmB/znY./1V2Cqk5Zj3WWojB1R/ciL4plDD617."},
	{"htpasswd -m", "secret", "$apr1$SJSXdDwo$EY5LnCk7e6LAUVNS5pMqc0"},
	{"htpasswd -s", "secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="},
	{"htpasswd -s", "pöss wörd", "{SHA}809CQ6Gq7/2Lg0B6F6xwpiSp6hs="},
	{"htpasswd -d", "secret", "qA.WZ29csH/Wo"},
	{"htpasswd -d", "pöss wörd", "LbEV8/0ZiH4cY"},
	{"htpasswd -2", "secret", "$5$bIWXAyntKXLxeZpa$ehuhKhit//KGr4oKe2DoSbJwYaYHwW/DlYpy5y9kYH0"},
	{"htpasswd -5", "secret", "$6$eUUM5yKTAEycu7YD$7SqYmM2gTqbsl6fEuuaj0TjaKg/tl7FfkltwnTCDZbjFw9o8/udQ9no3xB3O2QPe9jhI0U62O47jCFfOrBB3N0"},
	{"perl crypt", "", "abmF1QH4PEr.E"},
	{"perl crypt", "a", "..4/MD05HLWjI"},
	{"perl crypt", "secret", "zz1T8N4tWvmbE"},
	{"perl crypt", "longer than eight", "/A4rcEZbsfojk"},
	{"perl crypt", "longer t, and then other text", "/A4rcEZbsfojk"},
	{"perl crypt", "pöss", "9ZSD1NLLHpqac"},
	{"perl crypt", "secret", "$5$rounds=1000$roundstoolow$xf5WsimL7u0Oyrw684piDNGSk656sExcVvnSu0d.ue9"},
	{"openssl passwd -apr1", "", "$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie."},
	{"openssl passwd -apr1", "a", "$apr1$abcdefgh$G8IsPsylW5ROvIKsQMRG61"},
	{"openssl passwd -apr1", "exactly-sixteen!", "$apr1$abcdefgh$sbNBwJ7eSKs4eZ.BlhmbL0"},
	{"openssl passwd -1", "", "$1$x$fwjfZtMwarkdetsjiQreU1"},
	{"openssl passwd -1", "pöss wörd", "$1$x$qpvjiU5H4r5YzGvSF62x20"},
	{"openssl passwd -1", "exactly-sixteen!", "$1$x$9fRX3ww7AVKksCYubUNh7."},
	{"openssl passwd -5", "a", "$5$rounds=1234$sixteen-letters-$Kzr2GKJkwDMH5nJF80kGzwI9FA9nEmDtch9LQnGvup/"},
	{"openssl passwd -5", "pöss wörd", "$5$rounds=1234$sixteen-letters-$CBfnP46uyCmsIA5s5.vfbWP8vYnDrrBUDsVznnunzhC"},
	{"openssl passwd -6", "exactly-sixteen!", "$6$sixteenlettersxx$uLIIDDN31l3mDQMDbGPIsztmMDVBV.Vk9xrJwTfnC4bzVtY0MHfLL1T4A6y5.MzzZqZclmO9i4CLqJ.MB2bw8/"},
	{"openssl passwd -apr1", longPassword, "$apr1$abcdefgh$PxtWrvIa6eYGuHWwakfbe/"},
	{"openssl passwd -1", longPassword, "$1$x$l.N3gJZ4hH8yzS4Gq06M8/"},
	{"openssl passwd -5", longPassword, "$5$rounds=1234$sixteen-letters-$N3bBuwhBLOCWkUqYyflarhoJH26QawfZ/FQ4Ma6./M6"},
	{"openssl passwd -6", longPassword, "$6$sixteenlettersxx$I28zHRigtEuECQP8qm8/p7M9nW3OClSFWdW14GTQm5XtDOEvgfOwffP3/Badi/PiivVbnl7CzXQ0gYn4WyVdj1"},
}

const longPassword = "more than sixteen characters, and even more than thirty-two of them"

func checkHash(t *testing.T, text, password string) {
	t.Helper()
	hash, err := parseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	if !hash.matches([]byte(password)) {
		t.Errorf("%q is not taken for %s", password, text)
	}
	if wrong := "x" + password; hash.matches([]byte(wrong)) {
		t.Errorf("%q is taken for %s", wrong, text)
	}
}

func TestKnownHashes(t *testing.T) {
	for _, k := range known {
		t.Run(k.by+" "+k.password, func(t *testing.T) { checkHash(t, k.hash, k.password) })
	}
}

// missing ends a test that needs a program which the machine does not have: it
// is skipped, but fails where CI has promised the program.
func missing(t *testing.T, name string) {
	t.Helper()
	if os.Getenv("REAL_PARTS") == "required" {
		t.Fatal(name + " is not installed")
	}
	t.Skip(name + " is not installed")
}

// output runs a program, if the machine has it.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		missing(t, name)
	}
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

func TestHashesOfPrograms(t *testing.T) {
	passwords := []string{"x", "eight ch", "correct horse battery staple", "ęąćż\"\\$", longPassword}
	for _, kind := range []string{"-B", "-m", "-s", "-d", "-2", "-5"} {
		t.Run("htpasswd "+kind, func(t *testing.T) {
			for _, password := range passwords {
				_, hash, _ := strings.Cut(output(t, "htpasswd", "-nb"+kind[1:], "user", password), ":")
				checkHash(t, hash, password)
			}
		})
	}
	for _, kind := range []string{"-apr1", "-1", "-5", "-6"} {
		t.Run("openssl passwd "+kind, func(t *testing.T) {
			for _, password := range passwords {
				checkHash(t, output(t, "openssl", "passwd", kind, password), password)
			}
		})
	}
}

const (
	shaOfSecret    = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
	bcryptOfSecret = "$2y$05$RWr4mf2bTkKitDxmB/znY./1V2Cqk5Zj3WWojB1R/ciL4plDD617."
)

func TestParsePasswords(t *testing.T) {
	content := "\ufeff# people\n\nann:" + shaOfSecret + "\r\nböb:" + bcryptOfSecret + ":Bob Smith:x  \n" + "  \neve:qA.WZ29csH/Wo"
	p, err := parsePasswords("file", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.users) != 3 {
		t.Fatalf("got %d users, want 3", len(p.users))
	}
	for _, user := range []string{"ann", "böb", "eve"} {
		if hash := p.users[user]; hash.matches == nil || !hash.matches([]byte("secret")) {
			t.Errorf("%s cannot log in", user)
		}
	}
}

func TestParsePasswordsFaults(t *testing.T) {
	const (
		damaged = `the password hash is damaged or cut off; make the entry anew with "htpasswd -B"`
		unknown = `this kind of password hash is not known; make the entry anew with "htpasswd -B"`
		clear   = `this is no password hash, perhaps a password in clear; make the entry anew with "htpasswd -B"`
		cost    = `the bcrypt hash has a cost outside 4 to 31; make the entry anew with "htpasswd -B"`
	)
	for _, c := range []struct{ name, content, want string }{
		{"no colon", "ann", `f:1: a line must be user:hash, as htpasswd writes it`},
		{"no user", ":" + shaOfSecret, `f:1: the user's name is missing before the ":"`},
		{"no hash", "\nann:", `f:2: user "ann": ` + clear},
		{"in clear", "ann:secret", `f:1: user "ann": ` + clear},
		{"yescrypt", "ann:$y$j9T$x$y", `f:1: user "ann": ` + unknown},
		{"salted SHA", "ann:{SSHA}abc", `f:1: user "ann": ` + unknown},
		{"short bcrypt", "ann:" + bcryptOfSecret[:50], `f:1: user "ann": ` + damaged},
		{"bcrypt cost", "ann:" + strings.Replace(bcryptOfSecret, "05", "32", 1), `f:1: user "ann": ` + cost},
		{"short apr1", "ann:$apr1$abcdefgh$L.PT", `f:1: user "ann": ` + damaged},
		{"short sha", "ann:{SHA}5en6", `f:1: user "ann": ` + damaged},
		{"short sha256", "ann:$5$salt$abc", `f:1: user "ann": ` + damaged},
		{"rounds", "ann:$6$rounds=x$salt$abc", `f:1: user "ann": ` + damaged},
		{"twice", "ann:" + shaOfSecret + "\nbob:" + shaOfSecret + "\nann:" + bcryptOfSecret, `f:3: user "ann" is on line 1 already; remove one of them`},
		{"control character", "an\x07n:" + shaOfSecret, `f:1: the user's name has a control character`},
		{"no UTF-8", "an\xffn:" + shaOfSecret, `f:1: the user's name is not UTF-8`},
		{"all at once", "a\nb:" + shaOfSecret + "\nc:d", "f:1: a line must be user:hash, as htpasswd writes it\nf:3: user \"c\": " + clear},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsePasswords("f", []byte(c.content))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecoyIsOfTheCommonestCost(t *testing.T) {
	const bcrypt10 = "$2y$10$ssOHC1I6nxZts2EtrJ3c9eq5QtzpcebkTqqgE9reqnraCSauQplze"
	for _, c := range []struct {
		name, want string
		hashes     []string
	}{
		{"no users", "", nil},
		{"one", "sha", []string{shaOfSecret}},
		{"most", "bcrypt 05", []string{shaOfSecret, bcryptOfSecret, bcryptOfSecret}},
		{"rounds count", "bcrypt 10", []string{bcryptOfSecret, bcrypt10, bcrypt10}},
		{"a draw goes to the first", "bcrypt 05", []string{bcryptOfSecret, shaOfSecret, shaOfSecret, bcryptOfSecret}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines string
			for i, hash := range c.hashes {
				lines += string(rune('a'+i)) + ":" + hash + "\n"
			}
			p, err := parsePasswords("f", []byte(lines))
			if err != nil {
				t.Fatal(err)
			}
			if p.decoy.cost != c.want {
				t.Errorf("the decoy costs %q, want %q", p.decoy.cost, c.want)
			}
		})
	}
}

func FuzzParsePasswords(f *testing.F) {
	for _, k := range known {
		f.Add([]byte("user:" + k.hash + "\n"))
	}
	f.Add([]byte("a:$6$rounds=5$$" + strings.Repeat("a", 86)))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := parsePasswords("f", content)
		if err != nil {
			if bytes.Contains(content, []byte("\n")) {
				return
			}
			// One line, one fault, and never the secret part of it.
			if _, hash, found := bytes.Cut(content, []byte(":")); found && len(hash) > 30 && strings.Contains(err.Error(), string(hash)) {
				t.Errorf("the error shows the hash: %v", err)
			}
			return
		}
		if (p.decoy.matches == nil) != (len(p.users) == 0) {
			t.Errorf("%d users and decoy %q", len(p.users), p.decoy.cost)
		}
		for user, hash := range p.users {
			if user == "" || hash.matches == nil || hash.cost == "" {
				t.Errorf("user %q has an entry that cannot be checked", user)
			}
			if !strings.HasPrefix(hash.cost, "bcrypt") && !strings.HasPrefix(hash.cost, "sha256") && !strings.HasPrefix(hash.cost, "sha512") {
				hash.matches([]byte("secret")) // must not panic; the others would take too long
			}
		}
	})
}

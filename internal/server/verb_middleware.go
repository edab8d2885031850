package server

import (
	"cmp"
	"time"

	"httpmaster/config"
	"httpmaster/internal/middleware"
	"httpmaster/router"
)

func (b *builder) auth(v *config.Auth, at place, next router.Handler) router.Handler {
	users := b.passwords(v)
	if users == nil {
		return next
	}
	return &middleware.Auth{
		Users: users, Realm: v.Realm.Value, Lockout: lockout(v.Lockout), Tickets: b.server.tickets,
		Refuse: at.errors.Write, Failures: &at.tally.authFailures, Log: b.server.log, Next: next,
	}
}

// passwords opens the password file of v. It is nil when that cannot be used,
// and the fault is reported.
func (b *builder) passwords(v *config.Auth) *middleware.PasswordFile {
	file := b.cfg.Resolve(v.File.Value)
	users, release, err := b.server.shared.passwords.get(file, func() (*middleware.PasswordFile, error) {
		return middleware.OpenPasswordFile(file, b.server.log)
	})
	if err == nil {
		b.gen.releases = append(b.gen.releases, release)
		err = users.Look() // it may be one that has been open for long
	}
	if err != nil {
		b.faults.Errorf(v.File.Pos, "auth: %v", err)
		return nil
	}
	return users
}

// ticket gives tickets to the users of the auth before it.
func (b *builder) ticket(v *config.Ticket, at place, next router.Handler) router.Handler {
	if at.auth == nil {
		b.faults.Errorf(v.Pos, "ticket: nobody is known here who could get one; put `auth` before it, as in [\"auth -> passwd\", ticket]")
		return next
	}
	users := b.passwords(at.auth)
	if users == nil {
		return next
	}
	return &middleware.Ticket{Users: users, Tickets: b.server.tickets, Refuse: at.errors.Write}
}

// lockout fills in what the config leaves out.
func lockout(v config.Lockout) middleware.Lockout {
	if v.Failures < 0 {
		return middleware.Lockout{}
	}
	return middleware.Lockout{
		Failures: cmp.Or(v.Failures, 10),
		Within:   cmp.Or(v.Within, 10*time.Minute),
		For:      cmp.Or(v.For, 15*time.Minute),
	}
}

func (b *builder) accessLog(v *config.Log, next router.Handler) router.Handler {
	format, known := middleware.LogFormatNamed(v.Type.Value)
	if !known {
		b.faults.Errorf(v.Type.Pos, "log: the type %q is not known, use combined, common or json", v.Type.Value)
		return next
	}
	name := v.File.Value
	if name != "stdout" && name != "stderr" {
		name = b.cfg.Resolve(name)
	}
	file, err := b.logFile(name)
	if err != nil {
		b.faults.Errorf(v.File.Pos, "log: %v", err)
		return next
	}
	return &middleware.AccessLog{File: file, Format: format, Next: next}
}

// logFile opens a log file, or with a dry server only finds out whether that
// would work, and gives nil.
func (b *builder) logFile(name string) (*middleware.LogFile, error) {
	if b.server.shared.dry {
		return nil, b.server.shared.logs.Check(name)
	}
	file, err := b.server.shared.logs.Open(name)
	if err != nil {
		return nil, err
	}
	b.gen.releases = append(b.gen.releases, func() {
		if err := file.Close(); err != nil {
			b.server.log.Error("closing an access log", "file", name, "err", err)
		}
	})
	return file, nil
}

func (b *builder) addHeader(v *config.AddHeader, at place, next router.Handler) router.Handler {
	if err := middleware.CheckHeaderName(v.Header.Value); err != nil {
		b.faults.Errorf(v.Header.Pos, "%s: %v", v.Name(), err)
		return next
	}
	value, err := router.ParseTemplate(v.Value.Value, at.scope)
	if err != nil {
		b.syntaxError(v.Value, v.Name(), err)
		return next
	}
	if v.Response {
		return &middleware.AddResponseHeader{Name: v.Header.Value, Value: value, Refuse: at.errors.Write, Next: next}
	}
	return &middleware.AddHeader{Name: v.Header.Value, Value: value, Refuse: at.errors.Write, Next: next}
}

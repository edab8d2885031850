// Package e2e has no code of its own. Its tests build the two programs,
// http-master and dewebsockify, and use them the way their users do: as
// processes, with config files, signals and sockets, against real clients and
// servers where these are installed.
//
// A test whose real counterpart (sshd, a browser, curl) is missing is skipped
// and says what to install. With REAL_PARTS=required in the environment it
// fails instead.
package e2e

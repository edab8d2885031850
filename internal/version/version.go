// Package version tells which build of the project a program is.
package version

import "runtime/debug"

// release is set when a release is built, by
//
//	go build -ldflags "-X httpmaster/internal/version.release=1.2.3"
var release = ""

// Text gives the release or, for other builds, what Go recorded: the module's
// version or the commit; "(devel)" when it recorded neither.
func Text() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	text := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (text == "" || text == "(devel)") {
			text = setting.Value[:min(12, len(setting.Value))]
		}
	}
	if text == "" {
		return "(devel)"
	}
	return text
}

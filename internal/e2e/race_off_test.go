//go:build !race

package e2e

// raceEnabled tells that the tests run under the race detector; the programs
// are then built with it, too.
const raceEnabled = false

//go:build !linux

package main

// notify has nobody to tell where there is no systemd.
func notify(string) {}

func reloading() string { return "" }

func becomesMain(int) string { return "" }

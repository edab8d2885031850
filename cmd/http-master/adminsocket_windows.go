package main

// checkOwn has nothing to check: there are no admin sockets by default.
func checkOwn(string) error { return nil }

func ownerOf(string) string { return "" }

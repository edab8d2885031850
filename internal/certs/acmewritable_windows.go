package certs

// checkWritable finds nothing out: on Windows only writing tells.
func checkWritable(string) error { return nil }

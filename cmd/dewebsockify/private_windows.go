package main

// asPrivate calls create. Who may use a socket is up to its folder here.
func asPrivate(create func()) { create() }

package main

import (
	"errors"
	"os"
)

// dropPrivileges cannot be done on Windows: a service's account is chosen where
// the service is set up.
func dropPrivileges(userName, groupName string, _ []string) error {
	if userName == "" && groupName == "" {
		return nil
	}
	return errors.New("user and group cannot be changed on Windows: run the service under the account you want")
}

// keepOwner has nothing to do on Windows: a new file inherits its folder's
// permissions.
func keepOwner(*os.File, os.FileInfo) error { return nil }

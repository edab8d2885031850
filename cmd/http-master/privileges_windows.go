package main

import "errors"

// dropPrivileges cannot be done on Windows: a service's account is chosen where
// the service is set up.
func dropPrivileges(userName, groupName string) error {
	if userName == "" && groupName == "" {
		return nil
	}
	return errors.New("user and group cannot be changed on Windows: run the service under the account you want")
}

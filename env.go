package mlflow

import "os"

// The environment variables that the library reads. As in Python's client, an empty one counts as unset.
const (
	envTrackingURI = "MLFLOW_TRACKING_URI"
	envUsername    = "MLFLOW_TRACKING_USERNAME"
	envPassword    = "MLFLOW_TRACKING_PASSWORD" // #nosec G101 -- the name of a variable
	envToken       = "MLFLOW_TRACKING_TOKEN"    // #nosec G101 -- the name of a variable
)

// credentialsFromEnvironment returns the user name and password of the environment, or nil: as in Python's client, one
// without the other is ignored.
func credentialsFromEnvironment() *credentials {
	username, password := os.Getenv(envUsername), os.Getenv(envPassword)
	if username == "" || password == "" {
		return nil
	}
	return &credentials{username, password}
}

package servers

import (
	"fmt"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// oldest is the first release that the library supports.
const oldest = "2.9.2"

// firstWithWorkspaces is the first release that knows workspaces.
const firstWithWorkspaces = "3.10.0"

// CheckName returns an error that explains what is wrong with a server's name.
func CheckName(name string) error {
	_, err := parse(name)
	return err
}

// Describe returns what people call the named server, such as "MLflow 3.17.2 on PostgreSQL".
func Describe(name string) string {
	s, err := parse(name)
	switch {
	case err != nil:
		return name
	case s.FastTrackML():
		return "FastTrackML " + fastTrackMLRelease
	}
	return "MLflow " + s.Version + with[s.Store] + with[s.Feature]
}

// with says in words what a server's name adds to a release.
var with = map[string]string{
	scenario.StorePostgres:     " on PostgreSQL",
	scenario.StoreFile:         " on files",
	scenario.FeatureBasicAuth:  " with basic auth",
	scenario.FeatureWorkspaces: " with workspaces",
	scenario.FeatureS3:         " with artifacts on S3",
}

// parse parses the name of a server that can be installed.
func parse(name string) (scenario.Server, error) {
	s, err := scenario.ParseServer(name)
	switch {
	case err != nil:
		return s, err
	case s.Before(oldest):
		return s, fmt.Errorf("MLflow %s is older than %s, the oldest that is supported", s.Version, oldest)
	case s.Feature == scenario.FeatureWorkspaces && s.Before(firstWithWorkspaces):
		return s, fmt.Errorf("MLflow has workspaces since %s, and %s is older", firstWithWorkspaces, s.Version)
	}
	return s, nil
}

// environment names the Python environment, which the release's stores and features share but for S3, which needs more
// packages.
func environment(s scenario.Server) string {
	if s.FastTrackML() || s.Feature == scenario.FeatureS3 {
		return s.Name
	}
	return s.Version
}

package mlflowtest

import (
	"net/url"
	"slices"
	"strings"
)

// hostSchemes are those of locations that a server refuses, as it would connect to any host that they name.
var hostSchemes = []string{"http", "https", "ftp", "sftp", "hdfs", "viewfs", "mlflow-artifacts"}

// checkLocation checks where the artifacts of an experiment are to be.
func checkLocation(location string) error {
	scheme, rest, hasScheme := strings.Cut(location, ":")
	if hasScheme {
		scheme = strings.ToLower(scheme)
	}
	path, query, _ := strings.Cut(location, "?")
	decoded, err := url.PathUnescape(query)
	switch {
	case strings.Contains(location, "#") || !hasScheme && strings.Contains(path, ";"):
		return invalid("'artifact_location' URL can't include fragments or params.")
	case err == nil && strings.Contains(decoded, ".."):
		return invalid("Invalid query string")
	case hasScheme && strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") && slices.Contains(hostSchemes, scheme):
		return invalid("'artifact_location' must not have the scheme '%s', as the server would connect to the host of the URI.", scheme)
	case strings.HasPrefix(location, "runs:"):
		return invalid("Artifact location cannot be a runs:/ URI. Given: '%s'", location)
	}
	return checkLength("artifact_location", location, maxLocation)
}

// absolute returns a location, and of a path that is relative to where the server works the whole path.
func absolute(location string) string {
	if location == "" || strings.HasPrefix(location, "/") || strings.Contains(location, ":") {
		return location
	}
	return "/mlflowtest/" + location
}

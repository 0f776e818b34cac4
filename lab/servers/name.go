package servers

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Newest is the newest MLflow release that installs plainly.
const Newest = "3.17.2"

// oldest is the first release that the library supports.
const oldest = "2.9.2"

// firstWithWorkspaces is the first release that knows workspaces.
const firstWithWorkspaces = "3.10.0"

const (
	mlflow      = "mlflow"
	fastTrackML = "fasttrackml"

	storeSQLite   = "sqlite"
	storePostgres = "postgres"
	storeFile     = "file"

	featureBasicAuth  = "basicauth"
	featureWorkspaces = "workspaces"
)

// A spec is a parsed server name.
type spec struct {
	product string // mlflow or fastTrackML
	release string // of the product
	store   string // storeSQLite, ...
	feature string // what is switched on: featureBasicAuth, ..., or nothing
}

// CheckName returns an error that explains what is wrong with a server's name.
func CheckName(name string) error {
	_, err := parse(name)
	return err
}

var namePattern = regexp.MustCompile(`^(\d+\.\d+\.\d+)(?:-(?:(postgres|file)|(basicauth|workspaces)))?$`)

func parse(name string) (spec, error) {
	if name == fastTrackML {
		return spec{product: fastTrackML, release: fastTrackMLRelease, store: storeSQLite}, nil
	}
	match := namePattern.FindStringSubmatch(name)
	if match == nil {
		return spec{}, fmt.Errorf("%q is no server's name: use a final MLflow release such as %s, with -postgres or -file after it for another store, with -basicauth or -workspaces for what is off otherwise, or %s",
			name, Newest, fastTrackML)
	}
	release, store := match[1], cmp.Or(match[2], storeSQLite)
	if before(release, oldest) {
		return spec{}, fmt.Errorf("MLflow %s is older than %s, the oldest that is supported", release, oldest)
	}
	if match[3] == featureWorkspaces && before(release, firstWithWorkspaces) {
		return spec{}, fmt.Errorf("MLflow has workspaces since %s, and %s is older", firstWithWorkspaces, release)
	}
	return spec{mlflow, release, store, match[3]}, nil
}

// environment names the Python environment, which the release's stores and features share.
func (s spec) environment() string {
	if s.product == fastTrackML {
		return fastTrackML
	}
	return s.release
}

// before reports whether a is an older release than b.
func before(a, b string) bool { return slices.Compare(numbers(a), numbers(b)) < 0 }

func numbers(release string) []int {
	var numbers []int
	for part := range strings.SplitSeq(release, ".") {
		n, _ := strconv.Atoi(part) // digits: releases come through namePattern
		numbers = append(numbers, n)
	}
	return numbers
}

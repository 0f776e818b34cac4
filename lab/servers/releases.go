package servers

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

var availableVersions = regexp.MustCompile(`(?m)^Available versions: (.*)$`)

// Releases returns every final MLflow release that the package index offers,
// from 2.9.2 to the newest. Releases that were withdrawn are not among them.
func Releases(ctx context.Context) ([]string, error) {
	home, err := findHome()
	if err != nil {
		return nil, err
	}
	unlock, err := home.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := home.installUV(ctx); err != nil {
		return nil, err
	}
	pip := exec.Command(home.pip(), "-m", "pip", "index", "versions", scenario.KindMLflow)
	listing, err := output(ctx, pip)
	if err != nil {
		return nil, err
	}
	return parseReleases(listing)
}

// finalRelease reports whether a version is a final release that is supported.
func finalRelease(version string) bool {
	s, err := parse(version)
	return err == nil && s.Version == version
}

// parseReleases reads pip's listing, which is newest first.
func parseReleases(listing string) ([]string, error) {
	match := availableVersions.FindStringSubmatch(listing)
	if match == nil {
		return nil, errors.New("pip index versions lists no versions of mlflow")
	}
	releases := slices.DeleteFunc(strings.Split(match[1], ", "), func(release string) bool {
		return !finalRelease(release)
	})
	slices.Reverse(releases)
	return releases, nil
}

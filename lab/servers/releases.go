package servers

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
	pip := exec.Command(filepath.Join(home.uv(), "bin", "python"), "-m", "pip", "index", "versions", mlflow)
	listing, err := output(ctx, pip)
	if err != nil {
		return nil, err
	}
	return parseReleases(listing)
}

// parseReleases reads pip's listing, which is newest first.
func parseReleases(listing string) ([]string, error) {
	match := availableVersions.FindStringSubmatch(listing)
	if match == nil {
		return nil, errors.New("pip index versions lists no versions of mlflow")
	}
	releases := slices.DeleteFunc(strings.Split(match[1], ", "), func(release string) bool {
		return !namePattern.MatchString(release) || before(release, oldest)
	})
	slices.Reverse(releases)
	return releases, nil
}

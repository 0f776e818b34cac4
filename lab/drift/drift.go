// Package drift compares openapi/mlflow.yaml with what MLflow's releases say about their API, and prints each difference that
// openapi/omissions.yaml does not explain as KIND WHERE WHAT (RELEASES):
//
//	go -C lab run ./cmd drift [-release X] [-latest] [-fix]
//
// What releases say stands in openapi/facts, so the comparison needs no network. -release fetches the wheel of a release
// first and reads it, without running it: its facts replace those of the same minor release. -latest fails if the package
// index has a release that is newer than the facts. -fix removes omissions that explain nothing.
package drift

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// Run is the subcommand drift.
func Run(ctx context.Context, args []string) error {
	flags := program.Flags("drift")
	release := flags.String("release", "", "the release to fetch first, such as 3.18.0")
	latest := flags.Bool("latest", false, "fail if there is a newer release than the facts know")
	fix := flags.Bool("fix", false, "remove omissions that explain nothing")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	root, err := scenario.ModuleRoot()
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "openapi")
	if *release != "" {
		if err := fetch(ctx, filepath.Join(folder, "facts"), *release); err != nil {
			return err
		}
	}
	if *latest {
		if err := checkLatest(ctx, filepath.Join(folder, "facts")); err != nil {
			return err
		}
	}
	problems, compared, err := drift(folder)
	if err != nil {
		return err
	}
	if *fix {
		if problems, err = dropStale(filepath.Join(folder, "omissions.yaml"), problems); err != nil {
			return err
		}
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d differences are not explained: mend openapi/mlflow.yaml, or give the reason in openapi/omissions.yaml", len(problems))
	}
	fmt.Printf("The spec agrees with %d minor releases, from %s to %s.\n", len(compared.minors), first, compared.newest().Release)
	return nil
}

// drift compares the files of a folder.
func drift(folder string) ([]string, *history, error) {
	spec, err := readSpec(filepath.Join(folder, "mlflow.yaml"))
	if err != nil {
		return nil, nil, err
	}
	history, err := readHistory(filepath.Join(folder, "facts"))
	if err != nil {
		return nil, nil, err
	}
	omissions, err := readOmissions(filepath.Join(folder, "omissions.yaml"))
	if err != nil {
		return nil, nil, err
	}
	return explain(compare(spec, history), omissions), history, nil
}

// fetch writes the facts of a release, in place of those of another patch of the same minor release.
func fetch(ctx context.Context, folder, release string) error {
	facts, err := servers.Facts(ctx, release)
	if err != nil {
		return err
	}
	m, err := parseMinor(release)
	if err != nil {
		return err
	}
	patches, err := filepath.Glob(filepath.Join(folder, m.String()+".*.json"))
	if err != nil {
		return err
	}
	for _, patch := range patches {
		if err := os.Remove(patch); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(folder, release+".json"), facts, 0o644)
}

// checkLatest returns an error if the package index has a release that is newer than the facts.
func checkLatest(ctx context.Context, folder string) error {
	history, err := readHistory(folder)
	if err != nil {
		return err
	}
	releases, err := servers.Releases(ctx)
	if err != nil {
		return err
	}
	return newer(history.newest().Release, releases)
}

// newer returns an error that says what to do if there is a newer release than the facts know. Releases are in the order of
// their versions.
func newer(known string, releases []string) error {
	if len(releases) == 0 {
		return errors.New("the package index has no release of MLflow")
	}
	newest := releases[len(releases)-1]
	if newest == known {
		return nil
	}
	return fmt.Errorf("the newest release of MLflow is %s, and the facts end with %s.\n"+
		"Run make drift RELEASE=%s, and follow \"A new release of MLflow\" in CONTRIBUTING.md", newest, known, newest)
}

// Package transfer measures how artifacts move: a tree of 1,000 files with awkward names there and back, byte for byte, and a
// large file there and back in little memory, beside curl.
//
//	go -C lab run ./cmd transfer [-size BYTES] [-files N] [SERVER...]
//
// It fails if a byte is lost, if the large file takes more than 64 MiB, or if it moves at less than half of curl's
// speed. Without names of servers it takes those that are recorded.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/lab/servers"
)

// Run is the subcommand transfer.
func Run(ctx context.Context, args []string) (err error) {
	flags := program.Flags("transfer")
	length := flags.Int64("size", 2<<30, "the length of the large file in `bytes`")
	files := flags.Int("files", 1000, "the number of small files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	names := flags.Args()
	if flags.Arg(0) == child {
		return moveLarge(ctx, names[1:])
	}
	if len(names) == 0 {
		names = servers.Generations
	}
	folder, err := os.MkdirTemp("", "transfer-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	large := filepath.Join(folder, "large")
	if err := writeNoise(large, *length); err != nil {
		return err
	}
	fmt.Printf("%-12s %9s %9s   %9s %9s %9s   %9s %9s %9s\n", "", "1000 up", "down", "up, curl", "Go", "memory", "down, curl", "Go", "memory")
	var failures []error
	for _, name := range names {
		if err := measure(ctx, name, folder, *files, large); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// writeNoise writes a file that no compression makes smaller.
func writeNoise(name string, size int64) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	random := rand.NewChaCha8([32]byte{1})
	buffer := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(buffer)) {
		buffer = buffer[:min(left, int64(len(buffer)))]
		random.Read(buffer) //nolint:errcheck // never fails
		if _, err := file.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

func measure(ctx context.Context, name, folder string, files int, large string) (err error) {
	spec, err := scenario.ParseServer(name)
	if err != nil {
		return err
	}
	var options servers.Options
	if spec.Before("3.3") { // gunicorn ends a request that takes more than 30 s, whether it moves or not
		options.Args = []string{"--gunicorn-opts", "--timeout 3600"}
	}
	server, err := servers.Start(ctx, name, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URI))
	if err != nil {
		return err
	}
	run, err := client.Tracking().CreateRun(ctx, "0")
	if err != nil {
		return err
	}
	tree, err := moveTree(ctx, client, run.Info.RunID, files, filepath.Join(folder, name))
	if err != nil {
		return err
	}
	big, err := compareWithCurl(ctx, server.URI, run.Info, large)
	if err != nil {
		return err
	}
	fmt.Printf("%-12s %7.1f s %7.1f s   %s   %s\n", name, tree.up.Seconds(), tree.down.Seconds(), big.up, big.down)
	return errors.Join(big.up.check("upload"), big.down.check("download"))
}

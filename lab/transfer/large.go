package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/lab/program"
	"github.com/mlflow-go/mlflow/tracking"
)

// child makes this program move the large file, in a process of its own whose memory is known: child up|down|sum URI
// RUN FILE.
const child = "child"

// maxMemory is how much a process may take that moves a file.
const maxMemory = 64 << 20

// A speed is how fast curl and Go move the large file, in bytes a second, and what memory Go takes for it.
type speed struct {
	curl, ours float64
	memory     int64
}

func (s speed) String() string {
	const mb = 1 << 20
	return fmt.Sprintf("%4.0f MiB/s %4.0f MiB/s %3d MiB", s.curl/mb, s.ours/mb, s.memory/mb)
}

func (s speed) check(what string) error {
	var problems []error
	if s.memory > maxMemory {
		problems = append(problems, fmt.Errorf("the %s took %d bytes of memory", what, s.memory))
	}
	if s.ours < s.curl/2 {
		problems = append(problems, fmt.Errorf("the %s moved %.0f bytes a second, and curl's %.0f", what, s.ours, s.curl))
	}
	return errors.Join(problems...)
}

type bothWays struct{ up, down speed }

// compareWithCurl moves a large file with curl, then with Go, and compares the content.
func compareWithCurl(ctx context.Context, server string, run tracking.RunInfo, file string) (bothWays, error) {
	info, err := os.Stat(file)
	if err != nil {
		return bothWays{}, err
	}
	base := server + "/api/2.0/mlflow-artifacts/artifacts/" + strings.TrimPrefix(run.ArtifactURI, "mlflow-artifacts:/")
	rate := func(command *exec.Cmd) (float64, error) {
		began := time.Now()
		if output, err := command.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w: %s", command, err, output)
		}
		return float64(info.Size()) / time.Since(began).Seconds(), nil
	}
	var b bothWays
	if b.up.curl, err = rate(exec.CommandContext(ctx, "curl", "-sS", "-f", "-T", file, "-o", os.DevNull, base+"/curl")); err != nil {
		return b, err
	}
	if b.up.ours, b.up.memory, err = ourRate(ctx, info.Size(), "up", server, run.RunID, file); err != nil {
		return b, err
	}
	if b.down.curl, err = rate(exec.CommandContext(ctx, "curl", "-sS", "-f", "-o", os.DevNull, base+"/curl")); err != nil {
		return b, err
	}
	if b.down.ours, b.down.memory, err = ourRate(ctx, info.Size(), "down", server, run.RunID, file); err != nil {
		return b, err
	}
	_, _, err = ourRate(ctx, info.Size(), "sum", server, run.RunID, file)
	return b, err
}

// ourRate moves the file in a process of its own. It returns how fast, and the most memory that the process had.
func ourRate(ctx context.Context, size int64, way, server, runID, file string) (float64, int64, error) {
	command, err := program.Self(ctx, "transfer", child, way, server, runID, file)
	if err != nil {
		return 0, 0, err
	}
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", way, err, problems.String())
	}
	took, err := strconv.ParseFloat(strings.TrimSpace(string(output)), 64)
	return float64(size) / took, program.PeakMemory(command.ProcessState), err
}

// moveLarge moves the file, and prints how many seconds that took.
func moveLarge(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("usage: child up|down|sum URI RUN FILE")
	}
	way, server, runID, name := args[0], args[1], args[2], args[3]
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server))
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it is only read
	began := time.Now()
	if way == "up" {
		if err := client.Artifacts().LogArtifact(ctx, runID, "large", file); err != nil {
			return err
		}
		fmt.Println(time.Since(began).Seconds())
		return nil
	}
	body, err := client.Artifacts().DownloadArtifact(ctx, runID, "large")
	if err != nil {
		return err
	}
	defer body.Close()
	sum, want := sha256.New(), sha256.New()
	to := io.Discard
	if way == "sum" {
		to = sum
	}
	if _, err := io.Copy(to, body); err != nil {
		return err
	}
	fmt.Println(time.Since(began).Seconds())
	if way != "sum" {
		return nil
	}
	if _, err := io.Copy(want, file); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want.Sum(nil)) {
		return errors.New("what came back is not what was stored")
	}
	return nil
}

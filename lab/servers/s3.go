package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// bucket is where a server with artifacts on S3 keeps them.
const bucket = "artifacts"

// A storage is an S3 server of our own, moto's, which keeps its objects in memory; nil is none.
type storage struct {
	port    int
	process *process
}

// startStorage starts an S3 server with an empty bucket. The Python has moto.
func startStorage(ctx context.Context, python, dir string) (_ *storage, err error) {
	s := &storage{}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	logFile := filepath.Join(dir, "s3.log")
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", strconv.Itoa(s.port))
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = startProcess(cmd); err != nil {
		return nil, fmt.Errorf("S3: %w", err)
	}
	if err := s.createBucket(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("S3: %w\n%s", err, indent(lastLines(logFile, 15)))
	}
	return s, nil
}

// createBucket creates the bucket as soon as the server responds.
func (s *storage) createBucket(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, s.uri()+"/"+bucket, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("create a bucket: %s", response.Status)
			}
			return nil
		}
		select {
		case <-s.process.done:
			return s.process.err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *storage) uri() string { return "http://" + address(s.port) }

// environ returns what tells MLflow, and AWS's own libraries, where the S3 server is, which takes any credentials, and
// that clients may go there.
func (s *storage) environ() []string {
	return []string{
		"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=true", // 3.18+ asks for leave
		"MLFLOW_S3_ENDPOINT_URL=" + s.uri(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1",
	}
}

// stop ends the S3 server, and with it what it holds.
func (s *storage) stop() {
	if s != nil {
		s.process.stop()
	}
}

package mlflowtest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
	"github.com/mlflow-go/mlflow/tracking"
)

// train is the code to test.
func train(ctx context.Context, client *tracking.Client) (runID string, err error) {
	run, err := client.CreateRun(ctx, "0", tracking.WithRunName("first try"))
	if err != nil {
		return "", err
	}
	for epoch := range int64(3) {
		loss := 1 / float64(epoch+1)
		if err := client.LogMetric(ctx, run.Info.RunID, "loss", loss, tracking.WithStep(epoch)); err != nil {
			return "", err
		}
	}
	return run.Info.RunID, client.SetTerminated(ctx, run.Info.RunID, tracking.RunStatusFinished)
}

func ExampleNewServer() {
	server := mlflowtest.NewServer()
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	runID, err := train(ctx, client.Tracking())
	if err != nil {
		log.Fatal(err)
	}

	run, err := client.Tracking().GetRun(ctx, runID)
	if err != nil {
		log.Fatal(err)
	}
	loss, _ := run.Data.Metric("loss")
	fmt.Println(run.Info.RunName, run.Info.Status, loss.Value, "at step", loss.Step)
	// Output: first try FINISHED 0.3333333333333333 at step 2
}

// Without a network a test runs in a testing/synctest bubble, where time passes at once.
func ExampleTransport() {
	handler := mlflowtest.NewHandler()
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI("http://mlflow.test"), // any host will do
		mlflow.WithHTTPClient(&http.Client{Transport: mlflowtest.Transport(handler)}))
	if err != nil {
		log.Fatal(err)
	}

	experiment, err := client.Tracking().GetExperimentByName(context.Background(), "Default")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(experiment.ID, experiment.ArtifactLocation)
	// Output: 0 mlflow-artifacts:/0
}

// With a seed the IDs and times are the same each time, as a golden file needs them.
func ExampleWithSeed() {
	for range 2 {
		server := mlflowtest.NewServer(mlflowtest.WithSeed(1))
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
		if err != nil {
			log.Fatal(err)
		}
		run, err := client.Tracking().CreateRun(context.Background(), "0")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(run.Info.RunID, run.Info.RunName)
		server.Close()
	}
	// Output:
	// 0329edab29a147999653604a8c07d016 calm-mole-701
	// 0329edab29a147999653604a8c07d016 calm-mole-701
}

func ExampleWithClock() {
	server := mlflowtest.NewServer(mlflowtest.WithClock(func() time.Time {
		return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	}))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	experiment, err := client.Tracking().GetExperiment(context.Background(), "0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(experiment.CreationTime)
	// Output: 2026-03-01 12:00:00 +0000 UTC
}

// failThird fails the third call of an operation.
func failThird(operation string) func(http.Handler) http.Handler {
	var calls atomic.Int64
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, operation) && calls.Add(1) == 3 {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "not this one"}`)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func ExampleWithMiddleware_failTheThirdCall() {
	server := mlflowtest.NewServer(mlflowtest.WithMiddleware(failThird("/runs/log-metric")))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	_, err = train(context.Background(), client.Tracking())
	fmt.Println(err)
	// Output: mlflow: LogMetric: 400 INVALID_PARAMETER_VALUE: not this one
}

// tooMany responds to the first calls with status 429.
func tooMany(calls int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if atomic.AddInt64(&calls, -1) >= 0 {
				w.Header().Set("Retry-After", "0")
				http.Error(w, "too many requests", http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func ExampleWithMiddleware_tooManyRequests() {
	server := mlflowtest.NewServer(mlflowtest.WithMiddleware(tooMany(2)))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 3, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}))
	if err != nil {
		log.Fatal(err)
	}

	_, err = train(context.Background(), client.Tracking())
	fmt.Println(err)
	// Output: <nil>
}

// cutConnection lets the server do what an operation asks for, and then breaks the connection in place of a response.
func cutConnection(operation string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, operation) {
				next.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(noResponse{http.Header{}}, r)
			panic(http.ErrAbortHandler)
		})
	}
}

// noResponse is a ResponseWriter of which nothing arrives.
type noResponse struct{ header http.Header }

func (r noResponse) Header() http.Header            { return r.header }
func (r noResponse) Write(data []byte) (int, error) { return len(data), nil }
func (r noResponse) WriteHeader(int)                {}

func ExampleWithMiddleware_cutTheConnection() {
	server := mlflowtest.NewServer(mlflowtest.WithMiddleware(cutConnection("/runs/create")))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	_, err = train(ctx, client.Tracking())
	fmt.Println("unavailable:", errors.Is(err, tracking.ErrUnavailable))
	found, err := client.Tracking().SearchRuns(ctx, []string{"0"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("runs that nobody knows of:", len(found.Runs))
	// Output:
	// unavailable: true
	// runs that nobody knows of: 1
}

// slow delays each response, unless the client gives up before.
func slow(delay time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(delay):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

func ExampleWithMiddleware_slow() {
	server := mlflowtest.NewServer(mlflowtest.WithMiddleware(slow(time.Hour)))
	defer server.Close()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL),
		mlflow.WithTimeout(10*time.Millisecond), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		log.Fatal(err)
	}

	_, err = train(context.Background(), client.Tracking())
	fmt.Println("unavailable:", errors.Is(err, tracking.ErrUnavailable))
	// Output: unavailable: true
}

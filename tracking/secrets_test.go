package tracking_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// Every client of this package's tests carries secrets, and whatever it logs, every error that the tests look at, and
// every recording is searched for them.
const (
	secretMark       = "pl4nted"
	plantedUser      = "ada" // is none
	plantedPassword  = secretMark + "-passw0rd"
	plantedToken     = secretMark + "-t0ken"
	plantedHeader    = secretMark + "-he4der"
	plantedSignature = secretMark + "-sign4ture"
	plantedCookie    = secretMark + "-c00kie"
	plantedKey       = secretMark + "-k3y" // behind a scheme
)

// plantedBasic is what is sent of a user name and password.
var plantedBasic = base64.StdEncoding.EncodeToString([]byte(plantedUser + ":" + plantedPassword))

// marks are what a secret, or a part of one, is recognized by.
var marks = []string{
	secretMark, hex.EncodeToString([]byte(secretMark)), plantedBasic[:10],
	spelled(`\u%04x`, secretMark), spelled("%%%02X", secretMark), spelled("&#%d;", secretMark),
}

// spelled returns a text with each character as an escape.
func spelled(format, text string) string {
	var escapes strings.Builder
	for _, r := range text {
		fmt.Fprintf(&escapes, format, r)
	}
	return escapes.String()
}

// newClient makes the client of a test.
func newClient(t *testing.T, opts ...mlflow.Option) *tracking.Client {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{
		mlflow.WithToken(plantedToken),
		mlflow.WithHeaders(map[string]string{
			"X-Planted": plantedHeader, "X-Api-Key": "Key " + plantedKey, "Cookie": "theme=dark; session=" + plantedCookie,
		}),
		mlflow.WithRequestEditor(func(_ context.Context, r *http.Request) error {
			r.Header.Set("X-Signature", plantedSignature)
			return nil
		}),
		mlflow.WithLogger(slog.New(slog.NewTextHandler(searchedLog{}, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}),
	}, opts...)...)
	require.NoError(t, err)
	return client.Tracking()
}

// leaks holds where secrets were found.
var leaks struct {
	sync.Mutex
	found []string
}

func search(where, text string) {
	if slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(text, mark) }) {
		leaks.Lock()
		defer leaks.Unlock()
		leaks.found = append(leaks.found, where+": "+text)
	}
}

type searchedLog struct{}

func (searchedLog) Write(line []byte) (int, error) {
	search("log", string(line))
	return len(line), nil
}

// searchError searches all that an error can be made to show.
func searchError(err error) {
	for ; err != nil; err = unwrapOne(err) {
		search("error", fmt.Sprintf("%v %+v %#v %q", err, err, err, err))
		slog.New(slog.NewTextHandler(searchedLog{}, nil)).Error("", "error", err)
		slog.New(slog.NewJSONHandler(searchedLog{}, nil)).Error("", "error", err)
	}
}

func unwrapOne(err error) error {
	switch err := err.(type) { //nolint:errorlint // this is how to see each error of a chain
	case interface{ Unwrap() error }:
		return err.Unwrap()
	case interface{ Unwrap() []error }:
		for _, each := range err.Unwrap() {
			searchError(each)
		}
	}
	return nil
}

// TestMain fails if a secret was found, or a goroutine is left behind.
func TestMain(m *testing.M) {
	code := scenario.Main(m)
	for _, found := range leaks.found {
		fmt.Println("A secret leaked:", found)
		code = 1
	}
	os.Exit(code)
}

// TestSecretsAreNotSentBack has a server, or a proxy, send back what it was sent, wherever it can.
func TestSecretsAreNotSentBack(t *testing.T) {
	t.Parallel()
	echo := plantedHeader + " " + plantedPassword + " " + plantedSignature + " Basic " + plantedBasic + " " + plantedToken +
		" " + plantedCookie + " " + plantedKey
	page := func(status int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d Whatever\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	redirect := func(location string) string {
		return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n"
	}
	for name, response := range map[string]string{
		"message":                   page(400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "`+echo+`"}`),
		"code":                      page(400, `{"error_code": "`+echo+`", "message": ""}`),
		"message in JSON's escapes": page(400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "`+spelled(`\u%04x`, echo)+`"}`),
		"page in JSON's escapes":    page(403, "<html>"+spelled(`\u%04x`, echo)),
		"page in a URL's escapes":   page(200, "<html>"+spelled("%%%02X", echo)),
		"page in HTML's escapes":    page(502, "<html>"+spelled("&#%d;", echo)),
		"page":                      page(401, "<html>"+echo),
		"page of success":           page(200, "<html>"+echo),
		"cut at the end":            page(502, strings.Repeat("x", 245)+plantedPassword),
		"value of a wrong type":     page(200, `{"run": "`+echo+`"}`),
		"number":                    page(200, `{"run": {"info": {"run_id": "r1", "start_time": "`+echo+`"}}}`),
		"metric":                    page(200, `{"run": {"info": {"run_id": "r1"}, "data": {"metrics": [{"value": "`+echo+`"}]}}}`),
		"field":                     page(200, `{"run": {"info": {"`+echo+`": 1}}, "data": 7}`),
		"redirect":                  redirect("/" + plantedHeader + "/" + plantedToken + "/login?" + plantedPassword),
		"redirect to a user":        redirect("http://" + plantedUser + ":" + plantedPassword + "@example.com/#" + plantedToken),
		"redirect to no URL":        redirect("http://%zz" + plantedToken),
		"status line":               "HTTP/1.1 " + echo + "\r\n\r\n",
		"no status line":            plantedToken + "\r\n\r\n",
		"header":                    "HTTP/1.1 200 OK\r\nAuthorization " + echo + "\r\n\r\n",
		"length":                    "HTTP/1.1 200 OK\r\nContent-Length: " + plantedToken + "\r\n\r\n",
		"transfer encoding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + plantedToken + "\r\n\r\n",
		"chunk":                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + plantedToken + "\r\n",
		"compression":               "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + echo,
		"what is left of an error":  page(500, echo) + echo,
	} {
		for _, credentials := range []mlflow.Option{
			mlflow.WithToken(plantedToken), mlflow.WithBasicAuth(plantedUser, plantedPassword),
			mlflow.WithTrackingURI("http://" + plantedUser + ":" + plantedPassword + "@example.com"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					headers := map[string]string{"A": plantedHeader, "B": plantedPassword, "C": "Basic " + plantedBasic, "D": plantedToken}
					client := newRawServer(t, func() []byte { return []byte(response) }, credentials, mlflow.WithHeaders(headers),
						mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 2}))
					_, err := client.GetRun(t.Context(), "r1")
					var failed *tracking.Error
					require.ErrorAs(t, err, &failed)
					searchError(err)
					search(name, failed.Message+string(failed.Code))
				})
			})
		}
	}
}

// TestSecretsAreNotRecorded searches the recordings, which are made with clients that carry secrets.
func TestSecretsAreNotRecorded(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("../testdata", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		search(path, string(data))
		for _, header := range []string{"authorization", "x-planted", "x-signature"} {
			assert.NotContains(t, strings.ToLower(string(data)), `"`+header+`"`, path)
		}
		return err
	})
	require.NoError(t, err)
	assert.Greater(t, files, 100)
}

package mlflow_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

// TestMain keeps the settings of the machine away from the tests: MLflow's variables, and the credentials file in the
// home folder. It fails if a goroutine is left behind.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "MLFLOW_") && !strings.HasPrefix(name, "MLFLOW_TEST_") && name != "MLFLOW_UPDATE_DOCS" {
			must(os.Unsetenv(name))
		}
	}
	// Tests that use the go command need its folders, which it looks for in the home folder too.
	folders := []string{"GOCACHE", "GOENV", "GOMODCACHE", "GOPATH"}
	output, err := exec.Command("go", append([]string{"env"}, folders...)...).Output()
	must(err)
	for i, folder := range strings.Split(strings.TrimSpace(string(output)), "\n") {
		must(os.Setenv(folders[i], strings.TrimSpace(folder)))
	}
	home, err := os.MkdirTemp("", "home")
	must(err)
	must(os.Setenv("HOME", home))
	must(os.Setenv("USERPROFILE", home))
	code := scenario.Main(m)
	must(os.RemoveAll(home))
	os.Exit(code)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

const aRun = `{"run": {"info": {"run_id": "r", "experiment_id": "0"}, "data": {}}}`

// A server responds to every request with a run, and remembers the requests.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r)
		io.WriteString(w, aRun)
	}))
	t.Cleanup(s.Close)
	return s
}

// requestOf sends one request with a client made of the options, for the server unless they name another, and returns
// it as it arrived.
func (s *server) requestOf(t *testing.T, opts ...mlflow.Option) *http.Request {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{mlflow.WithTrackingURI(s.URL)}, opts...)...)
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "r")
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.requests)
	return s.requests[len(s.requests)-1]
}

// withUser returns the server's address with user info.
func (s *server) withUser(user string) string {
	return strings.Replace(s.URL, "://", "://"+user+"@", 1)
}

// requireRefused checks that NewClient refuses the options, and returns the reasons.
func requireRefused(t *testing.T, opts ...mlflow.Option) []*mlflow.Error {
	t.Helper()
	client, err := mlflow.NewClient(opts...)
	require.Error(t, err)
	assert.Nil(t, client)
	assert.ErrorIs(t, err, mlflow.ErrInvalidArgument)
	reasons := reasonsOf(t, err)
	for _, reason := range reasons {
		assert.ErrorIs(t, reason, mlflow.ErrInvalidArgument)
		assert.Equal(t, "NewClient", reason.Op)
		assert.Zero(t, reason.StatusCode)
		assert.Zero(t, reason.Attempts)
	}
	return reasons
}

// reasonsOf returns the errors that were joined.
func reasonsOf(t *testing.T, err error) []*mlflow.Error {
	t.Helper()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var reasons []*mlflow.Error
		for _, each := range joined.Unwrap() {
			reasons = append(reasons, reasonsOf(t, each)...)
		}
		return reasons
	}
	var reason *mlflow.Error
	require.ErrorAs(t, err, &reason)
	return []*mlflow.Error{reason}
}

func TestNewClientRefusesURIWithoutServer(t *testing.T) {
	t.Parallel()
	const (
		invalid    = "not a valid"
		scheme     = "must be http or https"
		host       = "host is missing"
		query      = "no query and no fragment"
		local      = "mlflow server"
		databricks = "Databricks"
	)
	for uri, want := range map[string]string{
		"":                                    "no tracking URI",
		" ":                                   invalid,
		" http://mlflow.test":                 invalid,
		"http://mlflow.test ":                 invalid,
		"http://mlflow.test\n":                invalid,
		"http://ml flow.test":                 invalid,
		"http://mlflow.test:http":             invalid,
		"http://mlflow.test/%zz":              invalid,
		"127.0.0.1:5000":                      invalid,
		"http://me:s3cret%@mlflow.test":       invalid,
		"http://me:s3cret#1@mlflow.test":      invalid,
		"http://me:s3cret/1@mlflow.test":      invalid,
		"http://me:s3cret?1@mlflow.test":      invalid,
		"localhost:5000":                      scheme,
		"ftp://me:s3cret@mlflow.test":         scheme,
		"postgresql://me:s3cret@mlflow.test":  scheme,
		"C:\\mlruns":                          scheme,
		"http://":                             host,
		"http:///mlflow":                      host,
		"http://:5000":                        host,
		"http:/mlflow.test":                   host,
		"http:mlflow.test":                    host,
		"https://me:s3cret@":                  host,
		"http://mlflow.test?token=s3cret":     query,
		"http://mlflow.test/?":                query,
		"http://mlflow.test/team#s3cret":      query,
		"file:///mlruns":                      local,
		"file:mlruns":                         local,
		"sqlite:///mlflow.db":                 local,
		"mlruns":                              local,
		"./mlruns":                            local,
		"/mlruns":                             local,
		"databricks":                          databricks,
		"databricks://profile":                databricks,
		"http://:s3cret@mlflow.test":          "user name",
		"http://me%3Ayou:s3cret@mlflow.test/": "user name",
	} {
		t.Run(uri, func(t *testing.T) {
			t.Parallel()
			reasons := requireRefused(t, mlflow.WithTrackingURI(uri))
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0].Message, want)
			assert.NotContains(t, reasons[0].Error(), "s3cret")
		})
	}
}

func TestTrackingURIKeepsEscapedPath(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{
		"", "/team", "/team/mlflow", "/a%20b", "/a%2Fb", "/a%2fb", "/%61", "/caf%C3%A9", "/100%25", "/a%2F", "/a//b",
		"/api/2.0/mlflow", "/~me/a+b;c=d:e@f,g!$&'()*",
	} {
		for _, slash := range []string{"", "/"} {
			t.Run(path+slash, func(t *testing.T) {
				t.Parallel()
				client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URL + path + slash))
				require.NoError(t, err)
				assert.Equal(t, s.URL+path, client.TrackingURI())
			})
			// One after the other: the server remembers the last request.
			request := s.requestOf(t, mlflow.WithTrackingURI(s.URL+path+slash))
			assert.Equal(t, path+"/api/2.0/mlflow/runs/get?run_id=r", request.RequestURI, path+slash)
		}
	}
}

func TestTrackingURIHasOneSpelling(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"HTTP://mlflow.test":           "http://mlflow.test",
		"https://mlflow.test:443//":    "https://mlflow.test:443",
		"http://[::1]:5000/team":       "http://[::1]:5000/team",
		"http://me:@mlflow.test/team/": "http://mlflow.test/team",
		"http://me@mlflow.test":        "http://mlflow.test",
		"http://mlflow.test/a b":       "http://mlflow.test/a%20b",
		"http://mlflow.test/café":      "http://mlflow.test/caf%C3%A9",
	} {
		client, err := mlflow.NewClient(mlflow.WithTrackingURI(uri))
		require.NoError(t, err, uri)
		assert.Equal(t, want, client.TrackingURI())
		assert.Equal(t, "mlflow.Client("+want+")", client.String())
	}
}

func TestNewClientReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	reasons := requireRefused(t,
		mlflow.WithTrackingURI("ftp://mlflow.test"),
		mlflow.WithToken("s3cret\n"),
		mlflow.WithHeaders(map[string]string{"no name": "s3cret", "X-Value": "s3cret\r\n", "Content-Length": "s3cret"}),
		mlflow.WithUserAgent("trainer\n"),
		mlflow.WithTimeout(-1),
	)
	var text strings.Builder
	for _, reason := range reasons {
		text.WriteString(reason.Error() + "\n")
	}
	assert.Len(t, reasons, 7, text.String())
	for _, about := range []string{
		"WithTrackingURI", "token", "not the name of a header", "X-Value", "Content-Length", "WithUserAgent", "WithTimeout",
	} {
		assert.Contains(t, text.String(), about)
	}
	assert.NotContains(t, text.String(), "s3cret")
}

func TestClientShowsNoSecret(t *testing.T) {
	t.Parallel()
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("run_id") == "cut" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(failing.Close)
	withUser := strings.Replace(failing.URL, "://", "://me:s3cret@", 1)
	options := []mlflow.Option{
		mlflow.WithTrackingURI(withUser),
		mlflow.WithBasicAuth("me", "s3cret"),
		mlflow.WithToken("s3cret"),
		mlflow.WithHeaders(map[string]string{"X-Api-Key": "s3cret"}),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}),
	}
	client, err := mlflow.NewClient(options...)
	require.NoError(t, err)
	_, refused := client.Tracking().GetRun(t.Context(), "r")
	require.ErrorIs(t, refused, mlflow.ErrUnauthenticated)
	_, cut := client.Tracking().GetRun(t.Context(), "cut")
	require.ErrorIs(t, cut, mlflow.ErrUnavailable)

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{
			client, *client, client.Tracking(), *client.Tracking(), options, options[0], options[1], options[2], options[3],
			refused, cut, &refused, errors.Unwrap(cut),
		} {
			text := fmt.Sprintf(verb, value)
			assert.NotContains(t, text, "s3cret", "%s of a %T", verb, value)
			assert.NotContains(t, text, fmt.Sprintf("%x", "s3cret"), "%s of a %T", verb, value)
			assert.NotContains(t, text, "bWU6czNjcmV0", "%s of a %T: it is me:s3cret in Base64", verb, value)
		}
	}
	assert.Equal(t, "mlflow.Client("+failing.URL+")", client.String())
	assert.Equal(t, failing.URL, client.TrackingURI())
}

func TestNewClientDoesNotTalkToTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	client, err := mlflow.NewClient(mlflow.WithTrackingURI(s.URL))
	require.NoError(t, err)
	client.Tracking()
	s.Close()
	assert.Empty(t, s.requests)
}

func TestTrackingIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	client, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"))
	require.NoError(t, err)
	other, err := mlflow.NewClient(mlflow.WithTrackingURI("http://mlflow.test"))
	require.NoError(t, err)

	found := make([]*tracking.Client, 50)
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() { found[i] = client.Tracking() })
	}
	all.Wait()
	for _, each := range found {
		require.NotNil(t, each)
		assert.Same(t, found[0], each)
	}
	assert.NotSame(t, client.Tracking(), other.Tracking())
}

package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/mlflowtest"
)

// The vectors of AWS's Signature Version 4 test suite, and what all of them share.
const (
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region    = "us-east-1"
	service   = "service"
	host      = "example.amazonaws.com"
)

var vectors = []struct {
	name          string
	method, query string
	header, body  string
	signed        string // the names of the signed headers
	signature     string
}{
	{
		name: "get-vanilla", method: http.MethodGet,
		signed: "host;x-amz-date", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "get-vanilla-empty-query-key", method: http.MethodGet, query: "Param1=value1",
		signed: "host;x-amz-date", signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
	},
	{
		name: "get-vanilla-query-order-key-case", method: http.MethodGet, query: "Param2=value2&Param1=value1",
		signed: "host;x-amz-date", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	},
	{
		name: "post-vanilla", method: http.MethodPost,
		signed: "host;x-amz-date", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	},
	{
		name: "post-vanilla-query", method: http.MethodPost, query: "Param1=value1",
		signed: "host;x-amz-date", signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
	},
	{
		name: "post-header-key-sort", method: http.MethodPost, header: "My-Header1: value1",
		signed: "host;my-header1;x-amz-date", signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
	},
	{
		name: "post-x-www-form-urlencoded", method: http.MethodPost,
		header: "Content-Type: application/x-www-form-urlencoded", body: "Param1=value1",
		signed: "content-type;host;x-amz-date", signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
	},
}

// testSuite returns the credentials of the test suite.
func testSuite(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
}

func TestSignaturesAreThoseOfTheTestSuite(t *testing.T) {
	t.Parallel()
	for _, vector := range vectors {
		t.Run(vector.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2015, time.August, 30, 12, 36, 0, 0, time.UTC)))
				request, err := http.NewRequestWithContext(t.Context(), vector.method, "https://"+host+"/?"+vector.query, strings.NewReader(vector.body))
				require.NoError(t, err)
				request.ContentLength = -1 // the test suite does not sign the length
				if name, value, ok := strings.Cut(vector.header, ": "); ok {
					request.Header.Set(name, value)
				}
				require.NoError(t, signer(aws.CredentialsProviderFunc(testSuite), service, region)(t.Context(), request))
				assert.Equal(t, "20150830T123600Z", request.Header.Get("X-Amz-Date"))
				assert.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "+
					"SignedHeaders="+vector.signed+", Signature="+vector.signature, request.Header.Get("Authorization"))

				body, err := io.ReadAll(request.Body)
				require.NoError(t, err)
				assert.Equal(t, vector.body, string(body), "the body is unread")
				assert.NoError(t, verify(request, body), "by the gateway below")
			})
		})
	}
}

func TestSignEachAttemptAnew(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, http.StatusServiceUnavailable, http.StatusOK)
	asked := 0
	client := newClient(t, gateway, func(context.Context) (aws.Credentials, error) {
		asked++ // credentials of roles expire while a program runs
		return aws.Credentials{AccessKeyID: fmt.Sprint("KEY", asked), SecretAccessKey: secretKey, SessionToken: "t0ken"}, nil
	})
	require.NoError(t, client.Tracking().LogMetric(t.Context(), "r", "loss", 0.5))

	require.Len(t, gateway.signatures, 2)
	assert.Contains(t, gateway.signatures[0], "Credential=KEY1/")
	assert.Contains(t, gateway.signatures[1], "Credential=KEY2/")
	for _, signature := range gateway.signatures {
		assert.Contains(t, signature, "content-length;content-type;host;x-amz-date;x-amz-security-token,")
		assert.NotContains(t, signature, "idempotency-key", "it is not sent")
	}
}

func TestRequestsWithAQueryAreSigned(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, http.StatusNotFound)
	_, err := newClient(t, gateway, testSuite).Tracking().GetRun(t.Context(), "r /+é&x=1")
	require.ErrorIs(t, err, mlflow.ErrNotFound)
	assert.Len(t, gateway.signatures, 1)
}

func TestSignWithoutCredentialsSendsNothing(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t)
	expired := errors.New("the session is over")
	client := newClient(t, gateway, func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, expired })
	require.ErrorIs(t, client.Tracking().LogMetric(t.Context(), "r", "loss", 0.5), expired)
	assert.Empty(t, gateway.signatures)
}

// newClient returns a client that signs for a gateway.
func newClient(t *testing.T, g *gateway, credentials aws.CredentialsProviderFunc) *mlflow.Client {
	t.Helper()
	client, err := mlflow.NewClient(
		mlflow.WithTrackingURI(g.URL+"/prod"),
		mlflow.WithRequestEditor(signer(credentials, "execute-api", region)),
		mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 2, MinBackoff: time.Nanosecond, MaxBackoff: time.Nanosecond}),
	)
	require.NoError(t, err)
	return client
}

// A gateway plays Amazon's: it lets in only what is signed.
type gateway struct {
	*httptest.Server

	mu         sync.Mutex
	signatures []string
}

// newGateway returns a gateway that gives the answers in turn.
func newGateway(t *testing.T, answers ...int) *gateway {
	t.Helper()
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if err := verify(r, body); err != nil {
			t.Error(err)
			http.Error(w, "The request signature we calculated does not match", http.StatusForbidden)
			return
		}
		g.signatures = append(g.signatures, r.Header.Get("Authorization"))
		if status := answers[len(g.signatures)-1]; status != http.StatusOK {
			http.Error(w, `{"error_code": "RESOURCE_DOES_NOT_EXIST"}`, status)
			return
		}
		io.WriteString(w, "{}")
	}))
	t.Cleanup(g.Close)
	return g
}

// verify checks a request's signature as AWS describes it, apart from AWS's own code.
func verify(request *http.Request, body []byte) error {
	var credential, names, given string
	authorization := strings.ReplaceAll(request.Header.Get("Authorization"), ",", "")
	if _, err := fmt.Sscanf(authorization, "AWS4-HMAC-SHA256 Credential=%s SignedHeaders=%s Signature=%s", &credential, &names, &given); err != nil {
		return fmt.Errorf("no signature: %q: %w", authorization, err)
	}
	signedAt, err := time.Parse("20060102T150405Z", request.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(signedAt).Abs() > 5*time.Minute {
		return fmt.Errorf("signed at %q", request.Header.Get("X-Amz-Date"))
	}
	_, scope, _ := strings.Cut(credential, "/")
	want, err := signature(request, body, scope, strings.Split(names, ";"))
	if err == nil && given != want {
		err = fmt.Errorf("the signature is %s, and should be %s", given, want)
	}
	return err
}

// signature returns what the signature of a request must be whose headers of the given names are signed.
func signature(request *http.Request, body []byte, scope string, signed []string) (string, error) {
	var headers strings.Builder
	for _, name := range signed {
		values := request.Header.Values(name)
		switch name {
		case "host":
			values = []string{request.Host}
		case "content-length":
			values = []string{fmt.Sprint(request.ContentLength)}
		}
		if len(values) == 0 {
			return "", fmt.Errorf("the header %s is signed, but was not sent", name)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(strings.Join(values, ",")))
	}
	query := strings.ReplaceAll(request.URL.Query().Encode(), "+", "%20") // sorts
	canonical := strings.Join([]string{
		request.Method, cmp.Or(request.URL.EscapedPath(), "/"), query, headers.String(), strings.Join(signed, ";"), hexHash(body),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", request.Header.Get("X-Amz-Date"), scope, hexHash([]byte(canonical))}, "\n")
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = sum(key, part)
	}
	return hex.EncodeToString(sum(key, toSign)), nil
}

func hexHash(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// TestRun runs the whole program. That the signature is right, the other tests check.
func TestRun(t *testing.T) {
	signed := 0
	server := mlflowtest.NewServer(mlflowtest.WithMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
				signed++
			}
			next.ServeHTTP(w, r)
		})
	}))
	defer server.Close()
	t.Setenv("MLFLOW_TRACKING_URI", server.URL)
	t.Setenv("AWS_REGION", region)
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	require.NoError(t, run(t.Context()))
	assert.Equal(t, 1, signed)
}

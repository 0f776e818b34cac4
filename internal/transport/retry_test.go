package transport_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/transport"
)

const database = `{"error_code": "BAD_REQUEST", "message": "QueuePool limit reached"}`

var quick = transport.RetryPolicy{MaxAttempts: 8, MinBackoff: time.Second, MaxBackoff: time.Minute}

func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func TestRetryFollowsSafetyAndOutcome(t *testing.T) {
	t.Parallel()
	const always, ifItMayRunTwice, never, thrice = "always", "if it may run twice", "never", "3 times if it may run twice"
	for name, test := range map[string]struct {
		response response
		retried  string
	}{
		"refused":                 {response{err: refused()}, always},
		"no such host":            {response{err: &net.DNSError{Err: "no such host"}}, always},
		"no way to the proxy":     {response{err: &net.OpError{Op: "proxyconnect", Err: refused()}}, always},
		"429":                     {response{status: 429}, always},
		"reset":                   {response{err: errors.New("connection reset by peer")}, ifItMayRunTwice},
		"end of connection":       {response{err: io.EOF}, ifItMayRunTwice},
		"408":                     {response{status: 408}, ifItMayRunTwice},
		"500 in HTML":             {response{status: 500, body: "<html>"}, ifItMayRunTwice},
		"502":                     {response{status: 502}, ifItMayRunTwice},
		"503":                     {response{status: 503}, ifItMayRunTwice},
		"503 with a code":         {response{status: 503, body: `{"error_code": "TEMPORARILY_UNAVAILABLE"}`}, ifItMayRunTwice},
		"504":                     {response{status: 504}, ifItMayRunTwice},
		"503 with another code":   {response{status: 503, body: `{"error_code": "RESOURCE_DOES_NOT_EXIST"}`}, ifItMayRunTwice},
		"400 of the database":     {response{status: 400, body: database}, thrice},
		"500 with a code":         {response{status: 500, body: `{"error_code": "INVALID_STATE"}`}, never},
		"400":                     {response{status: 400, body: `{"error_code": "INVALID_PARAMETER_VALUE"}`}, never},
		"400 in HTML":             {response{status: 400, body: "<html>"}, never},
		"403":                     {response{status: 403}, never},
		"404":                     {response{status: 404}, never},
		"501":                     {response{status: 501}, never},
		"success":                 {response{status: 200, body: "{}"}, never},
		"certificate not trusted": {response{err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, never},
		"a server without TLS":    {response{err: tls.RecordHeaderError{Msg: "not TLS"}}, never},
		"a plain HTTP server":     {response{err: http.ErrSchemeMismatch}, never},
	} {
		for _, mayRunTwice := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, may run twice: %v", name, mayRunTwice), func(t *testing.T) {
				t.Parallel()
				var op transport.Operation
				if mayRunTwice {
					op.Safety = transport.MayRunTwice
				}
				attempt(t, transport.Config{Retry: quick}, op, []response{test.response}, func(t *testing.T, f *fake, o transport.Outcome) {
					want := 1
					switch {
					case test.retried == always, test.retried == ifItMayRunTwice && mayRunTwice:
						want = quick.MaxAttempts
					case test.retried == thrice && mayRunTwice:
						want = 3
					}
					assert.Len(t, f.visits, want)
					assert.Equal(t, mayRunTwice && test.retried == ifItMayRunTwice, o.MayHaveRun, "MayHaveRun")
				})
			})
		}
	}
}

func TestRetryIsOffWithOneAttempt(t *testing.T) {
	t.Parallel()
	for _, policy := range []transport.RetryPolicy{{}, {MaxAttempts: 1, MinBackoff: time.Second, MaxBackoff: time.Minute}} {
		for _, a := range []response{{err: refused()}, {status: 429}, {status: 503}, {status: 400, body: database}} {
			attempt(t, transport.Config{Retry: policy}, transport.Operation{Safety: transport.MayRunTwice}, []response{a},
				func(t *testing.T, f *fake, o transport.Outcome) { assert.Len(t, f.visits, 1) })
		}
	}
}

func TestRetryReturnsTheLastResponse(t *testing.T) {
	t.Parallel()
	policy := quick
	policy.MaxAttempts = 3
	attempt(t, transport.Config{Retry: policy}, transport.Operation{Safety: transport.MayRunTwice},
		[]response{{status: 502, body: "first"}, {err: io.EOF}, {status: 503, body: "last"}},
		func(t *testing.T, _ *fake, o transport.Outcome) {
			require.NoError(t, o.Err)
			assert.Equal(t, 503, o.Status)
			assert.Equal(t, "last", string(o.Body))
		})
	attempt(t, transport.Config{Retry: policy}, transport.Operation{Safety: transport.MayRunTwice}, []response{{status: 502}, {err: io.EOF}},
		func(t *testing.T, _ *fake, o transport.Outcome) {
			assert.Zero(t, o.Status, "it is not the last that happened")
			require.ErrorIs(t, o.Err, io.EOF)
		})
}

func TestBackoffIsLimitedAndSpread(t *testing.T) {
	t.Parallel()
	policy := transport.RetryPolicy{MaxAttempts: 12, MinBackoff: time.Second, MaxBackoff: 10 * time.Second}
	least, most := time.Hour, time.Duration(0)
	for range 40 {
		attempt(t, transport.Config{Retry: policy}, transport.Operation{}, []response{{status: 429}},
			func(t *testing.T, f *fake, o transport.Outcome) {
				require.Len(t, f.visits, 12)
				for retry := 1; retry < len(f.visits); retry++ {
					limit := min(time.Second<<(retry-1), 10*time.Second)
					assert.LessOrEqual(t, f.wait(retry), limit, "wait before retry %d", retry)
					if limit == 10*time.Second {
						least, most = min(least, f.wait(retry)), max(most, f.wait(retry))
					}
				}
			})
	}
	assert.Less(t, least, 2*time.Second, "the least of 280 random waits up to 10 s")
	assert.Greater(t, most, 8*time.Second, "the longest of 280 random waits up to 10 s")
}

func TestBackoffAddsJitter(t *testing.T) {
	t.Parallel()
	policy := transport.RetryPolicy{MaxAttempts: 100, Jitter: 10 * time.Second}
	attempt(t, transport.Config{Retry: policy}, transport.Operation{}, []response{{status: 429}},
		func(t *testing.T, f *fake, o transport.Outcome) {
			most := time.Duration(0)
			for retry := 1; retry < len(f.visits); retry++ {
				most = max(most, f.wait(retry))
			}
			assert.Greater(t, most, 8*time.Second, "the longest of 99 random waits up to 10 s")
			assert.LessOrEqual(t, most, 10*time.Second)
		})
}

func TestBackoffDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for _, policy := range []transport.RetryPolicy{
		{MinBackoff: time.Second, MaxBackoff: math.MaxInt64},
		{MinBackoff: math.MaxInt64, MaxBackoff: math.MaxInt64, Jitter: math.MaxInt64},
	} {
		for _, attempts := range []int{1, 2, 31, 32, 33, 34, 63, 64, 65, math.MaxInt} {
			for range 20 {
				assert.GreaterOrEqual(t, transport.Backoff(policy, attempts), time.Duration(0), "after %d attempts", attempts)
			}
		}
	}
}

func TestRetryAfterIsHonored(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // at which a bubble's clock starts
	for value, want := range map[string]time.Duration{
		"7":  7 * time.Second,
		"60": time.Minute,
		now.Add(30 * time.Second).Format(http.TimeFormat): 30 * time.Second,
	} {
		for _, status := range []int{429, 503} {
			attempt(t, transport.Config{Retry: quick}, transport.Operation{Safety: transport.MayRunTwice},
				[]response{{status: status, header: map[string]string{"Retry-After": value}}, {status: 200}},
				func(t *testing.T, f *fake, o transport.Outcome) {
					require.NoError(t, o.Err)
					assert.Equal(t, 200, o.Status)
					assert.Equal(t, want, f.wait(1), value)
				})
		}
	}
	for _, value := range []string{"", "soon", "0", "-5", "1.5", now.Add(-time.Hour).Format(http.TimeFormat)} {
		attempt(t, transport.Config{Retry: quick}, transport.Operation{},
			[]response{{status: 429, header: map[string]string{"Retry-After": value}}, {status: 200}},
			func(t *testing.T, f *fake, o transport.Outcome) {
				assert.LessOrEqual(t, f.wait(1), time.Second, "the usual wait instead of %q", value)
			})
	}
}

func TestRetryAfterThatIsTooLongEndsTheCall(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, value := range []string{"61", "86400", "99999999999", now.Add(2 * time.Minute).Format(http.TimeFormat)} {
		attempt(t, transport.Config{Retry: quick}, transport.Operation{},
			[]response{{status: 429, header: map[string]string{"Retry-After": value}}},
			func(t *testing.T, f *fake, o transport.Outcome) {
				require.NoError(t, o.Err)
				assert.Equal(t, 429, o.Status)
				assert.Len(t, f.visits, 1, value)
				assert.Zero(t, time.Since(now), "time waited")
			})
	}
	ignoring := quick
	ignoring.IgnoreRetryAfter = true
	attempt(t, transport.Config{Retry: ignoring}, transport.Operation{},
		[]response{{status: 429, header: map[string]string{"Retry-After": "86400"}}, {status: 200}},
		func(t *testing.T, f *fake, o transport.Outcome) {
			require.NoError(t, o.Err)
			assert.Equal(t, 200, o.Status)
			assert.LessOrEqual(t, f.wait(1), time.Second)
		})
}

func TestRetryWaitPastDeadlineEndsTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f := &fake{respond: inTurn(response{status: 429, header: map[string]string{"Retry-After": "11"}})}
		call, start := transport.New(transport.Config{HTTPClient: client(f), Retry: quick}).NewCall(transport.Operation{}), time.Now()
		response, err := call.Do(newRequestWithContext(ctx, t, http.MethodGet, "http://mlflow.test/", ""))
		require.NoError(t, err)
		assert.Equal(t, 429, response.StatusCode)
		require.NoError(t, call.Outcome().Err, "nothing was interrupted")
		assert.Zero(t, time.Since(start))
	})
}

func TestRetryWaitThatIsCanceledKeepsTheResponse(t *testing.T) {
	t.Parallel()
	for _, r := range []response{{status: 429, header: map[string]string{"Retry-After": "30"}}, {err: refused()}} {
		synctest.Test(t, func(t *testing.T) {
			policy := transport.RetryPolicy{MaxAttempts: 2, MinBackoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour}
			f := &fake{respond: inTurn(r)}
			ctx, cancel := context.WithCancel(t.Context())
			call := transport.New(transport.Config{HTTPClient: client(f), Retry: policy}).NewCall(transport.Operation{})
			time.AfterFunc(time.Millisecond, cancel)
			start := time.Now()
			response, err := call.Do(newRequestWithContext(ctx, t, http.MethodGet, "http://mlflow.test/", ""))
			assert.Equal(t, time.Millisecond, time.Since(start))
			assert.Len(t, f.visits, 1)
			if r.err != nil {
				var failed *url.Error
				require.ErrorAs(t, err, &failed)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, r.err, "what the wait was for")
				assert.Equal(t, transport.Canceled, call.Outcome().Kind)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, 429, response.StatusCode)
			require.ErrorIs(t, call.Outcome().Err, context.Canceled)
			assert.Equal(t, transport.RateLimited, call.Outcome().Kind)
		})
	}
}

func TestRetryHasTimeLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	config := transport.Config{Retry: quick, Timeout: 5 * time.Second}
	slow := response{takes: time.Hour}
	attempt(t, config, transport.Operation{Safety: transport.MayRunTwice}, []response{slow, slow, {status: 200, takes: 4 * time.Second}},
		func(t *testing.T, f *fake, o transport.Outcome) {
			require.NoError(t, o.Err)
			assert.Equal(t, 200, o.Status)
			for retry, most := range []time.Duration{0, time.Second, 2 * time.Second} {
				if retry > 0 {
					assert.GreaterOrEqual(t, f.wait(retry), 5*time.Second)
					assert.LessOrEqual(t, f.wait(retry), 5*time.Second+most)
				}
			}
		})
	attempt(t, config, transport.Operation{}, []response{slow}, func(t *testing.T, f *fake, o transport.Outcome) {
		require.Error(t, o.Err)
		assert.NotErrorIs(t, o.Err, context.DeadlineExceeded, "the caller's context has time left")
		assert.Len(t, f.visits, 1, "it may have run, and must not run twice")
	})
}

func TestHasRun(t *testing.T) {
	t.Parallel()
	errNo := errors.New("nobody knows")
	for name, test := range map[string]struct {
		responses []response
		ran       bool
		err       error
		seen      int
		asked     int
	}{
		"cannot have run":       {[]response{{status: 429}, {err: refused()}, {status: 200}}, true, nil, 3, 0},
		"may have run, had not": {[]response{{status: 503}, {status: 504}, {status: 200}}, false, nil, 3, 2},
		"has run":               {[]response{{status: 503}, {status: 200}}, true, nil, 1, 1},
		"nobody knows":          {[]response{{status: 503}, {status: 200}}, false, errNo, 1, 1},
		"lost, has run":         {[]response{{err: io.EOF}, {status: 200}}, true, nil, 1, 1},
		"lost, nobody knows":    {[]response{{err: io.EOF}, {status: 200}}, false, errNo, 1, 1},
		"the database's no":     {[]response{{status: 400, body: database}, {status: 200}}, false, nil, 2, 0},
		"final":                 {[]response{{status: 404}}, false, nil, 1, 0},
		"success":               {[]response{{status: 200}}, false, nil, 1, 0},
		"no attempt is left":    {[]response{{status: 503}}, false, nil, quick.MaxAttempts, quick.MaxAttempts - 1},
		"reset, then limited":   {[]response{{err: io.EOF}, {status: 429}, {status: 200}}, false, nil, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			prepare := func(call *transport.Call) {
				call.HasRun = func(context.Context) (bool, error) {
					asked++
					return test.ran, test.err
				}
			}
			attemptCall(t, transport.Config{Retry: quick}, transport.Operation{Safety: transport.Reconciled}, prepare, test.responses, func(t *testing.T, f *fake, o transport.Outcome) {
				assert.Len(t, f.visits, test.seen)
				assert.Equal(t, test.asked, asked)
				assert.Equal(t, asked > 0, o.MayHaveRun)
				last := test.responses[min(test.seen, len(test.responses))-1]
				assert.Equal(t, last.status, o.Status)
				if last.err != nil { // both are told
					require.ErrorIs(t, o.Err, last.err)
				}
				if test.err != nil {
					require.ErrorIs(t, o.Err, test.err)
				}
			})
		})
	}
}

func TestRetryTriesNewCredentialsOnce(t *testing.T) {
	t.Parallel()
	unauthorized := response{status: 401}
	for name, test := range map[string]struct {
		tokens    []string // the last one from then on
		responses []response
		sent      []string
	}{
		"changed":           {[]string{"old", "new"}, []response{unauthorized, {status: 200}}, []string{"old", "new"}},
		"changed, in vain":  {[]string{"old", "new", "newer"}, []response{unauthorized}, []string{"old", "new"}},
		"the same":          {[]string{"old"}, []response{unauthorized}, []string{"old"}},
		"not to be had":     {[]string{"old", ""}, []response{unauthorized}, []string{"old"}},
		"refused otherwise": {[]string{"old", "new"}, []response{{status: 403}}, []string{"old"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			config := transport.Config{Authorization: func(context.Context) (string, error) {
				asked++
				token := test.tokens[min(asked, len(test.tokens))-1]
				if token == "" {
					return "", errors.New("the vault is sealed")
				}
				return token, nil
			}}
			attempt(t, config, transport.Operation{}, test.responses, func(t *testing.T, f *fake, o transport.Outcome) {
				require.NoError(t, o.Err)
				var sent []string
				for _, v := range f.visits {
					sent = append(sent, v.header.Get("Authorization"))
				}
				assert.Equal(t, test.sent, sent)
				assert.Equal(t, test.responses[len(test.responses)-1].status, o.Status)
			})
		})
	}
}

func TestRetryLimitsTimeOfTokenSource(t *testing.T) {
	t.Parallel()
	asked := 0
	config := transport.Config{Timeout: 5 * time.Second, Authorization: func(ctx context.Context) (string, error) {
		asked++
		if asked > 1 {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "old", nil
	}}
	attempt(t, config, transport.Operation{}, []response{{status: 401}}, func(t *testing.T, f *fake, o transport.Outcome) {
		require.NoError(t, o.Err)
		assert.Equal(t, 401, o.Status)
		assert.Equal(t, 5*time.Second, time.Since(f.visits[0].time))
	})
}

func TestLogHasRetries(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := transport.Config{Retry: quick, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	attempt(t, config, transport.Operation{Name: "LogMetric"},
		[]response{{status: 429, header: map[string]string{"Retry-After": "7"}}, {status: 200}},
		func(t *testing.T, _ *fake, o transport.Outcome) {
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			require.Len(t, lines, 2)
			assert.Contains(t, lines[0], "level=WARN")
			assert.Contains(t, lines[0], "operation=LogMetric")
			assert.Contains(t, lines[0], "attempt=1")
			assert.Contains(t, lines[0], "status=429")
			assert.Contains(t, lines[0], "wait=7s")
			assert.Contains(t, lines[1], "level=DEBUG")
			assert.Contains(t, lines[1], "attempt=2")
			assert.NotContains(t, lines[1], "wait=")
		})
}

// A server that asks for a client certificate says so by an alert, which waiting does not change.
func TestRetryStopsAtTLSAlert(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mlflow.test"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		synctest.Test(t, func(t *testing.T) {
			dialed := 0
			tr := &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					dialed++
					ours, theirs := net.Pipe()
					server := tls.Server(theirs, &tls.Config{
						Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
						ClientAuth:   tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version,
					})
					go func() {
						assert.Error(t, server.HandshakeContext(t.Context()))
						io.Copy(io.Discard, theirs)
						assert.NoError(t, theirs.Close())
					}()
					return ours, nil
				},
			}
			_, err := transport.New(transport.Config{HTTPClient: client(tr), Retry: quick}).
				NewCall(transport.Operation{Safety: transport.MayRunTwice}).
				Do(newRequest(t, http.MethodGet, "https://mlflow.test/", ""))
			require.ErrorContains(t, err, "remote error: tls")
			assert.Equal(t, 1, dialed)
		})
	}
}

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

// A script is a server that answers each request with the next of its answers, and the last of them from then on.
type script struct {
	answers []answer
	seen    []http.Header
	bodies  []string
	times   []time.Time
	unread  int // bodies of answers that were not closed
}

type answer struct {
	status int
	body   string
	header map[string]string
	err    error
	takes  time.Duration
}

const database = `{"error_code": "BAD_REQUEST", "message": "QueuePool limit reached"}`

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, r.Header)
	s.times = append(s.times, time.Now())
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.bodies = append(s.bodies, string(body))
	}
	a := s.answers[min(len(s.seen), len(s.answers))-1]
	if a.takes > 0 {
		select {
		case <-time.After(a.takes):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	header := make(http.Header)
	for name, value := range a.header {
		header.Set(name, value)
	}
	s.unread++
	return &http.Response{StatusCode: a.status, Header: header, Body: &closing{strings.NewReader(a.body), s}, Request: r}, nil
}

type closing struct {
	io.Reader
	script *script
}

func (c *closing) Close() error {
	c.script.unread--
	return nil
}

// wait returns the time between two requests.
func (s *script) wait(repeat int) time.Duration { return s.times[repeat].Sub(s.times[repeat-1]) }

var quick = transport.RetryPolicy{MaxAttempts: 8, MinBackoff: time.Second, MaxBackoff: time.Minute}

// attempt makes a call in a bubble with the given answers.
func attempt(t *testing.T, config transport.Config, call *transport.Call, answers []answer, check func(*testing.T, *script, *http.Response, error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers}
		config.HTTPClient = client(s)
		ctx := transport.WithCall(t.Context(), call)
		response, err := transport.New(config).Do(newRequestWithContext(ctx, t, http.MethodPost, "http://mlflow.test/api/2.0/x", `{"a":1}`))
		check(t, s, response, err)
		assert.Zero(t, s.unread, "bodies that were not closed")
		assert.Equal(t, len(s.seen), call.Attempts, "Attempts")
		for _, body := range s.bodies {
			assert.Equal(t, `{"a":1}`, body, "bodies are sent again byte for byte")
		}
	})
}

func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func TestAnAttemptIsJudgedByWhatItMayHaveDone(t *testing.T) {
	t.Parallel()
	const always, ifRepeatable, never, thrice = "always", "if repeatable", "never", "3 times if repeatable"
	for name, test := range map[string]struct {
		answer   answer
		repeated string
	}{
		"refused":                 {answer{err: refused()}, always},
		"no such host":            {answer{err: &net.DNSError{Err: "no such host"}}, always},
		"no way to the proxy":     {answer{err: &net.OpError{Op: "proxyconnect", Err: refused()}}, always},
		"429":                     {answer{status: 429}, always},
		"reset":                   {answer{err: errors.New("connection reset by peer")}, ifRepeatable},
		"end of connection":       {answer{err: io.EOF}, ifRepeatable},
		"408":                     {answer{status: 408}, ifRepeatable},
		"500 in HTML":             {answer{status: 500, body: "<html>"}, ifRepeatable},
		"502":                     {answer{status: 502}, ifRepeatable},
		"503":                     {answer{status: 503}, ifRepeatable},
		"503 with a code":         {answer{status: 503, body: `{"error_code": "TEMPORARILY_UNAVAILABLE"}`}, ifRepeatable},
		"504":                     {answer{status: 504}, ifRepeatable},
		"400 of the database":     {answer{status: 400, body: database}, thrice},
		"500 with a code":         {answer{status: 500, body: `{"error_code": "INVALID_STATE"}`}, never},
		"400":                     {answer{status: 400, body: `{"error_code": "INVALID_PARAMETER_VALUE"}`}, never},
		"400 in HTML":             {answer{status: 400, body: "<html>"}, never},
		"403":                     {answer{status: 403}, never},
		"404":                     {answer{status: 404}, never},
		"501":                     {answer{status: 501}, never},
		"success":                 {answer{status: 200, body: "{}"}, never},
		"certificate not trusted": {answer{err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, never},
		"a server without TLS":    {answer{err: tls.RecordHeaderError{Msg: "not TLS"}}, never},
		"a plain HTTP server":     {answer{err: http.ErrSchemeMismatch}, never},
	} {
		for _, repeatable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, repeatable: %v", name, repeatable), func(t *testing.T) {
				t.Parallel()
				call := &transport.Call{Repeatable: repeatable}
				attempt(t, transport.Config{Retry: quick}, call, []answer{test.answer}, func(t *testing.T, s *script, _ *http.Response, _ error) {
					want := 1
					switch {
					case test.repeated == always, test.repeated == ifRepeatable && repeatable:
						want = quick.MaxAttempts
					case test.repeated == thrice && repeatable:
						want = 3
					}
					assert.Len(t, s.seen, want)
					assert.Equal(t, repeatable && test.repeated == ifRepeatable, call.MayHaveRun, "MayHaveRun")
				})
			})
		}
	}
}

func TestOneAttemptTurnsRepeatsOff(t *testing.T) {
	t.Parallel()
	for _, policy := range []transport.RetryPolicy{{}, {MaxAttempts: 1, MinBackoff: time.Second, MaxBackoff: time.Minute}} {
		for _, a := range []answer{{err: refused()}, {status: 429}, {status: 503}, {status: 400, body: database}} {
			attempt(t, transport.Config{Retry: policy}, &transport.Call{Repeatable: true}, []answer{a},
				func(t *testing.T, s *script, _ *http.Response, _ error) { assert.Len(t, s.seen, 1) })
		}
	}
}

func TestTheLastAnswerIsReturned(t *testing.T) {
	t.Parallel()
	policy := quick
	policy.MaxAttempts = 3
	attempt(t, transport.Config{Retry: policy}, &transport.Call{Repeatable: true},
		[]answer{{status: 502, body: "first"}, {err: io.EOF}, {status: 503, body: "last"}},
		func(t *testing.T, _ *script, response *http.Response, err error) {
			require.NoError(t, err)
			body, err := transport.ReadBody(response)
			require.NoError(t, err)
			assert.Equal(t, 503, response.StatusCode)
			assert.Equal(t, "last", string(body))
		})
	attempt(t, transport.Config{Retry: policy}, &transport.Call{Repeatable: true}, []answer{{status: 502}, {err: io.EOF}},
		func(t *testing.T, _ *script, response *http.Response, err error) {
			assert.Nil(t, response, "it is not the last that happened")
			require.ErrorIs(t, err, io.EOF)
		})
}

func TestBackoffIsBoundedAndSpread(t *testing.T) {
	t.Parallel()
	policy := transport.RetryPolicy{MaxAttempts: 12, MinBackoff: time.Second, MaxBackoff: 10 * time.Second}
	least, most := time.Hour, time.Duration(0)
	for range 40 {
		attempt(t, transport.Config{Retry: policy}, &transport.Call{}, []answer{{status: 429}},
			func(t *testing.T, s *script, _ *http.Response, _ error) {
				require.Len(t, s.seen, 12)
				for repeat := 1; repeat < len(s.seen); repeat++ {
					limit := min(time.Second<<(repeat-1), 10*time.Second)
					assert.LessOrEqual(t, s.wait(repeat), limit, "wait before repeat %d", repeat)
					if limit == 10*time.Second {
						least, most = min(least, s.wait(repeat)), max(most, s.wait(repeat))
					}
				}
			})
	}
	assert.Less(t, least, 2*time.Second, "the least of 280 random waits up to 10 s")
	assert.Greater(t, most, 8*time.Second, "the longest of 280 random waits up to 10 s")
}

func TestJitterComesOnTop(t *testing.T) {
	t.Parallel()
	policy := transport.RetryPolicy{MaxAttempts: 100, Jitter: 10 * time.Second}
	attempt(t, transport.Config{Retry: policy}, &transport.Call{}, []answer{{status: 429}},
		func(t *testing.T, s *script, _ *http.Response, _ error) {
			most := time.Duration(0)
			for repeat := 1; repeat < len(s.seen); repeat++ {
				most = max(most, s.wait(repeat))
			}
			assert.Greater(t, most, 8*time.Second, "the longest of 99 random waits up to 10 s")
			assert.LessOrEqual(t, most, 10*time.Second)
		})
}

func TestHugeBackoffsDoNotOverflow(t *testing.T) {
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
			attempt(t, transport.Config{Retry: quick}, &transport.Call{Repeatable: true},
				[]answer{{status: status, header: map[string]string{"Retry-After": value}}, {status: 200}},
				func(t *testing.T, s *script, response *http.Response, err error) {
					require.NoError(t, err)
					assert.Equal(t, 200, response.StatusCode)
					assert.Equal(t, want, s.wait(1), value)
				})
		}
	}
	for _, value := range []string{"", "soon", "0", "-5", "1.5", now.Add(-time.Hour).Format(http.TimeFormat)} {
		attempt(t, transport.Config{Retry: quick}, &transport.Call{},
			[]answer{{status: 429, header: map[string]string{"Retry-After": value}}, {status: 200}},
			func(t *testing.T, s *script, _ *http.Response, _ error) {
				assert.LessOrEqual(t, s.wait(1), time.Second, "the usual wait instead of %q", value)
			})
	}
}

func TestARetryAfterThatIsTooLongEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, value := range []string{"61", "86400", "99999999999", now.Add(2 * time.Minute).Format(http.TimeFormat)} {
		attempt(t, transport.Config{Retry: quick}, &transport.Call{},
			[]answer{{status: 429, header: map[string]string{"Retry-After": value}}},
			func(t *testing.T, s *script, response *http.Response, err error) {
				require.NoError(t, err)
				assert.Equal(t, 429, response.StatusCode)
				assert.Len(t, s.seen, 1, value)
				assert.Zero(t, time.Since(now), "time waited")
			})
	}
	ignoring := quick
	ignoring.IgnoreRetryAfter = true
	attempt(t, transport.Config{Retry: ignoring}, &transport.Call{},
		[]answer{{status: 429, header: map[string]string{"Retry-After": "86400"}}, {status: 200}},
		func(t *testing.T, s *script, response *http.Response, err error) {
			require.NoError(t, err)
			assert.Equal(t, 200, response.StatusCode)
			assert.LessOrEqual(t, s.wait(1), time.Second)
		})
}

func TestAWaitPastTheDeadlineEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s := &script{answers: []answer{{status: 429, header: map[string]string{"Retry-After": "11"}}}}
		call, start := &transport.Call{}, time.Now()
		response, err := transport.New(transport.Config{HTTPClient: client(s), Retry: quick}).
			Do(newRequestWithContext(transport.WithCall(ctx, call), t, http.MethodGet, "http://mlflow.test/", ""))
		require.NoError(t, err)
		assert.Equal(t, 429, response.StatusCode)
		require.NoError(t, call.Interrupted, "nothing was interrupted")
		assert.Zero(t, time.Since(start))
	})
}

func TestAContextThatEndsInAWaitKeepsTheAnswer(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{{status: 429, header: map[string]string{"Retry-After": "30"}}, {err: refused()}} {
		synctest.Test(t, func(t *testing.T) {
			policy := transport.RetryPolicy{MaxAttempts: 2, MinBackoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour}
			s := &script{answers: []answer{a}}
			ctx, cancel := context.WithCancel(t.Context())
			call := &transport.Call{}
			time.AfterFunc(time.Millisecond, cancel)
			start := time.Now()
			response, err := transport.New(transport.Config{HTTPClient: client(s), Retry: policy}).
				Do(newRequestWithContext(transport.WithCall(ctx, call), t, http.MethodGet, "http://mlflow.test/", ""))
			assert.Equal(t, time.Millisecond, time.Since(start))
			assert.Len(t, s.seen, 1)
			if a.err != nil {
				var failed *url.Error
				require.ErrorAs(t, err, &failed)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, a.err, "what the wait was for")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, 429, response.StatusCode)
			require.ErrorIs(t, call.Interrupted, context.Canceled)
		})
	}
}

func TestEachRepeatHasTheTimeLimitToItself(t *testing.T) {
	t.Parallel()
	config := transport.Config{Retry: quick, Timeout: 5 * time.Second}
	slow := answer{takes: time.Hour}
	attempt(t, config, &transport.Call{Repeatable: true}, []answer{slow, slow, {status: 200, takes: 4 * time.Second}},
		func(t *testing.T, s *script, response *http.Response, err error) {
			require.NoError(t, err)
			assert.Equal(t, 200, response.StatusCode)
			for repeat, most := range []time.Duration{0, time.Second, 2 * time.Second} {
				if repeat > 0 {
					assert.GreaterOrEqual(t, s.wait(repeat), 5*time.Second)
					assert.LessOrEqual(t, s.wait(repeat), 5*time.Second+most)
				}
			}
		})
	attempt(t, config, &transport.Call{}, []answer{slow}, func(t *testing.T, s *script, _ *http.Response, err error) {
		require.Error(t, err)
		assert.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has time left")
		assert.Len(t, s.seen, 1, "it may have run, and must not run twice")
	})
}

func TestTheMarkOfWhatMayBeRepeatedIsNotSent(t *testing.T) {
	t.Parallel()
	for _, repeatable := range []bool{true, false} {
		attempt(t, transport.Config{}, &transport.Call{Repeatable: repeatable}, []answer{{status: 200}},
			func(t *testing.T, s *script, _ *http.Response, _ error) {
				values, marked := s.seen[0]["Idempotency-Key"]
				assert.Equal(t, repeatable, marked)
				assert.Empty(t, values)
				var wire bytes.Buffer
				require.NoError(t, s.seen[0].Write(&wire))
				assert.NotContains(t, wire.String(), "Idempotency-Key")
			})
	}
}

func TestBeforeRepeat(t *testing.T) {
	t.Parallel()
	no := errors.New("need not run")
	for name, test := range map[string]struct {
		answers  []answer
		obstacle error
		seen     int
		asked    int
	}{
		"surely not run":      {[]answer{{status: 429}, {err: refused()}, {status: 200}}, no, 3, 0},
		"may have run":        {[]answer{{status: 503}, {status: 504}, {status: 200}}, nil, 3, 2},
		"need not run":        {[]answer{{status: 503}, {status: 200}}, no, 1, 1},
		"lost, need not run":  {[]answer{{err: io.EOF}, {status: 200}}, no, 1, 1},
		"the database's no":   {[]answer{{status: 400, body: database}, {status: 200}}, nil, 1, 0},
		"final":               {[]answer{{status: 404}}, nil, 1, 0},
		"success":             {[]answer{{status: 200}}, nil, 1, 0},
		"no attempt is left":  {[]answer{{status: 503}}, nil, quick.MaxAttempts, quick.MaxAttempts - 1},
		"reset, then limited": {[]answer{{err: io.EOF}, {status: 429}, {status: 200}}, nil, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			call := &transport.Call{}
			call.BeforeRepeat = func(context.Context) error {
				asked++
				assert.True(t, call.MayHaveRun)
				return test.obstacle
			}
			attempt(t, transport.Config{Retry: quick}, call, test.answers, func(t *testing.T, s *script, response *http.Response, err error) {
				assert.Len(t, s.seen, test.seen)
				assert.Equal(t, test.asked, asked)
				assert.Equal(t, asked > 0, call.MayHaveRun)
				last := test.answers[min(test.seen, len(test.answers))-1]
				if last.err != nil { // both are told
					require.ErrorIs(t, err, last.err)
					require.ErrorIs(t, err, test.obstacle)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, last.status, response.StatusCode)
				if test.asked > 0 {
					assert.Equal(t, test.obstacle, call.Interrupted)
				}
			})
		})
	}
}

func TestNewCredentialsAreTriedOnce(t *testing.T) {
	t.Parallel()
	unauthorized := answer{status: 401}
	for name, test := range map[string]struct {
		tokens  []string // the last one from then on
		answers []answer
		sent    []string
	}{
		"changed":           {[]string{"old", "new"}, []answer{unauthorized, {status: 200}}, []string{"old", "new"}},
		"changed, in vain":  {[]string{"old", "new", "newer"}, []answer{unauthorized}, []string{"old", "new"}},
		"the same":          {[]string{"old"}, []answer{unauthorized}, []string{"old"}},
		"not to be had":     {[]string{"old", ""}, []answer{unauthorized}, []string{"old"}},
		"refused otherwise": {[]string{"old", "new"}, []answer{{status: 403}}, []string{"old"}},
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
			attempt(t, config, &transport.Call{}, test.answers, func(t *testing.T, s *script, response *http.Response, err error) {
				require.NoError(t, err)
				var sent []string
				for _, header := range s.seen {
					sent = append(sent, header.Get("Authorization"))
				}
				assert.Equal(t, test.sent, sent)
				assert.Equal(t, test.answers[len(test.answers)-1].status, response.StatusCode)
			})
		})
	}
}

func TestATokenSourceThatHangsAfterARefusalEndsInTime(t *testing.T) {
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
	attempt(t, config, &transport.Call{}, []answer{{status: 401}}, func(t *testing.T, s *script, response *http.Response, err error) {
		require.NoError(t, err)
		assert.Equal(t, 401, response.StatusCode)
		assert.Equal(t, 5*time.Second, time.Since(s.times[0]))
	})
}

func TestRepeatsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := transport.Config{Retry: quick, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	attempt(t, config, &transport.Call{Operation: "LogMetric"},
		[]answer{{status: 429, header: map[string]string{"Retry-After": "7"}}, {status: 200}},
		func(t *testing.T, _ *script, _ *http.Response, _ error) {
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

// net/http sends a marked request again by itself when a connection ends that was used before. The server may have run
// the first one.
func TestARepeatByNetHTTPIsNoticed(t *testing.T) {
	t.Parallel()
	for _, replayed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			n := newNetwork(t, func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				requests++
				switch {
				case requests == 2 && replayed:
					panic(http.ErrAbortHandler)
				case requests == 2:
					http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				default:
					io.WriteString(w, "{}")
				}
			})
			c := transport.New(transport.Config{HTTPClient: client(n.transport(t))})
			get(t, c, "http://mlflow.test/")
			call := &transport.Call{Repeatable: true}
			_, err := c.Do(newRequestWithContext(transport.WithCall(t.Context(), call), t, http.MethodPost, "http://mlflow.test/", "{}"))
			require.NoError(t, err)
			assert.Equal(t, 3, requests)
			assert.Equal(t, 1, call.Attempts)
			assert.Equal(t, replayed, call.MayHaveRun, "a redirect is an answer")
		})
	}
}

// A server that asks for a client certificate says so by an alert, which waiting does not change.
func TestAnAlertIsFinal(t *testing.T) {
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
			call := &transport.Call{Repeatable: true}
			_, err := transport.New(transport.Config{HTTPClient: client(tr), Retry: quick}).
				Do(newRequestWithContext(transport.WithCall(t.Context(), call), t, http.MethodGet, "https://mlflow.test/", ""))
			require.ErrorContains(t, err, "remote error: tls")
			assert.Equal(t, 1, dialed)
		})
	}
}

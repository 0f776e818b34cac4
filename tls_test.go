package mlflow_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
)

// An authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	var der []byte
	der, a.key = certify(t, nil, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	var err error
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

// certify makes a key, and a certificate for it: one of the authority's, or its own if that is nil.
func certify(t *testing.T, a *authority, template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "mlflow test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	issuer := &authority{certificate: template, key: key}
	if a != nil {
		issuer = a
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, &key.PublicKey, issuer.key)
	require.NoError(t, err)
	return der, key
}

// issue returns a certificate of the authority's, for the server on this machine or for a client of it.
func (a *authority) issue(t *testing.T) tls.Certificate {
	t.Helper()
	der, key := certify(t, a, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// file writes the authority's certificate to a file, and returns its name.
func (a *authority) file(t *testing.T) string {
	t.Helper()
	return writePEM(t, &pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// clientFile writes a certificate of the authority's with its key to one file, as Python's client wants it.
func (a *authority) clientFile(t *testing.T) string {
	t.Helper()
	issued := a.issue(t)
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	require.NoError(t, err)
	return writePEM(t,
		&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate[0]},
		&pem.Block{Type: "PRIVATE KEY", Bytes: key})
}

func writePEM(t *testing.T, blocks ...*pem.Block) string {
	t.Helper()
	var content []byte
	for _, block := range blocks {
		content = append(content, pem.EncodeToMemory(block)...)
	}
	name := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// serveTLS starts an https server with a certificate of the authority's. If clients is not nil, they need one of its.
func serveTLS(t *testing.T, a, clients *authority) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, aRun) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t)}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// getRun makes one call.
func getRun(t *testing.T, uri string, opts ...mlflow.Option) error {
	t.Helper()
	client, err := mlflow.NewClient(append([]mlflow.Option{mlflow.WithTrackingURI(uri)}, opts...)...)
	require.NoError(t, err)
	_, err = client.Tracking().GetRun(t.Context(), "r")
	return err
}

// requireUntrusted checks that a call failed, at its first attempt, because the server's certificate is not trusted.
func requireUntrusted(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, mlflow.ErrUnavailable)
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, err, &untrusted)
	var failure *mlflow.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, 1, failure.Attempts)
}

func TestServersAreTrustedByTheEnvironment(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	server := serveTLS(t, ours, nil)
	for name, tt := range map[string]struct {
		env     map[string]string
		opts    []mlflow.Option
		trusted bool
	}{
		"nobody":            {},
		"our authority":     {env: map[string]string{"MLFLOW_TRACKING_SERVER_CERT_PATH": ours.file(t)}, trusted: true},
		"another authority": {env: map[string]string{"MLFLOW_TRACKING_SERVER_CERT_PATH": others.file(t)}},
		"anybody":           {env: map[string]string{"MLFLOW_TRACKING_INSECURE_TLS": "true"}, trusted: true},
		"not anybody":       {env: map[string]string{"MLFLOW_TRACKING_INSECURE_TLS": "false"}},
		"our authority, and not anybody": {env: map[string]string{
			"MLFLOW_TRACKING_INSECURE_TLS": "false", "MLFLOW_TRACKING_SERVER_CERT_PATH": ours.file(t),
		}, trusted: true},
		"an option before anybody": {
			env:  map[string]string{"MLFLOW_TRACKING_INSECURE_TLS": "true"},
			opts: []mlflow.Option{mlflow.WithTLSConfig(&tls.Config{RootCAs: others.pool(), MinVersion: tls.VersionTLS12})},
		},
		"no option": {
			env:  map[string]string{"MLFLOW_TRACKING_SERVER_CERT_PATH": ours.file(t)},
			opts: []mlflow.Option{mlflow.WithTLSConfig(nil)}, trusted: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			err := getRun(t, server.URL, tt.opts...)
			if tt.trusted {
				require.NoError(t, err)
			} else {
				requireUntrusted(t, err)
			}
		})
	}
}

func TestClientCertificateOfEnvironment(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	server := serveTLS(t, servers, clients)
	t.Setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", servers.file(t))

	err := getRun(t, server.URL)
	require.ErrorIs(t, err, mlflow.ErrUnavailable, "without a certificate")
	assert.ErrorContains(t, err, "certificate required")

	t.Setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", newAuthority(t).clientFile(t))
	require.ErrorIs(t, getRun(t, server.URL), mlflow.ErrUnavailable, "with one of somebody else's")

	t.Setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", clients.clientFile(t))
	require.NoError(t, getRun(t, server.URL))
}

func TestTLSFilesThatCannotBeReadAreRefused(t *testing.T) {
	a := newAuthority(t)
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("s3cret"), 0o600))
	for _, tt := range []struct{ name, value, want string }{
		{"MLFLOW_TRACKING_SERVER_CERT_PATH", filepath.Join(t.TempDir(), "none"), "none"},
		{"MLFLOW_TRACKING_SERVER_CERT_PATH", t.TempDir(), "directory"},
		{"MLFLOW_TRACKING_SERVER_CERT_PATH", text, "no PEM certificate"},
		{"MLFLOW_TRACKING_CLIENT_CERT_PATH", filepath.Join(t.TempDir(), "none"), "none"},
		{"MLFLOW_TRACKING_CLIENT_CERT_PATH", text, "PEM"},
		{"MLFLOW_TRACKING_CLIENT_CERT_PATH", a.file(t), "key"}, // a certificate alone
	} {
		t.Run(tt.name+", "+tt.want, func(t *testing.T) {
			t.Setenv(tt.name, tt.value)
			reasons := requireRefused(t, mlflow.WithTrackingURI("https://mlflow.test"))
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0].Message, tt.name+": ")
			assert.Contains(t, reasons[0].Message, tt.want)
			assert.NotContains(t, reasons[0].Error(), "s3cret")
		})
	}
}

func TestTLSVariablesThatContradictEachOtherAreRefused(t *testing.T) {
	t.Setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
	t.Setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", newAuthority(t).file(t))
	reasons := requireRefused(t, mlflow.WithTrackingURI("https://mlflow.test"))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0].Message, "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH contradict each other")
}

func TestTLSVariablesReportAllProblems(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("MLFLOW_TRACKING_INSECURE_TLS", "maybe")
	t.Setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", none)
	t.Setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", none)
	require.Len(t, requireRefused(t, mlflow.WithTrackingURI("https://mlflow.test")), 3)
}

func TestTLSConfig(t *testing.T) {
	t.Parallel()
	servers, clients := newAuthority(t), newAuthority(t)
	server := serveTLS(t, servers, clients)
	config := &tls.Config{
		RootCAs: servers.pool(), Certificates: []tls.Certificate{clients.issue(t)}, MinVersion: tls.VersionTLS13,
	}
	before := config.Clone()
	option := mlflow.WithTLSConfig(config)
	require.NoError(t, getRun(t, server.URL, option))
	assert.Equal(t, before.NextProtos, config.NextProtos, "net/http adds to its own copy")

	client, err := mlflow.NewClient(mlflow.WithTrackingURI(server.URL), option)
	require.NoError(t, err)
	config.RootCAs, config.Certificates = nil, nil
	_, err = client.Tracking().GetRun(t.Context(), "r") // the first connection of this client
	require.NoError(t, err, "what the caller does to the config later has no effect")
}

func TestWithTLSConfigIsCopied(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := serveTLS(t, a, nil)
	config := &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS12}
	option := mlflow.WithTLSConfig(config)
	config.RootCAs = x509.NewCertPool()
	require.NoError(t, getRun(t, server.URL, option))
}

func TestTLSSettingsAreRefusedBesideACallersClient(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]mlflow.Option{
		{mlflow.WithHTTPClient(&http.Client{}), mlflow.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12})},
		{mlflow.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}), mlflow.WithHTTPClient(&http.Client{})},
	} {
		reasons := requireRefused(t, append(opts, mlflow.WithTrackingURI("https://mlflow.test"))...)
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[0].Message, "WithTLSConfig: ")
		assert.Contains(t, reasons[0].Message, "WithHTTPClient")
	}
}

func TestWithHTTPClientHasItsOwnTLS(t *testing.T) {
	a := newAuthority(t)
	server := serveTLS(t, a, nil)
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS12}}}
	t.Cleanup(trusting.CloseIdleConnections)
	require.NoError(t, getRun(t, server.URL, mlflow.WithHTTPClient(trusting)))

	t.Setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
	strict := &http.Client{Transport: &http.Transport{}}
	requireUntrusted(t, getRun(t, server.URL, mlflow.WithHTTPClient(strict)))
}

func TestPlainHTTPToAnHTTPSServerIsToldApart(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	err := getRun(t, strings.Replace(server.URL, "http://", "https://", 1), mlflow.WithRetry(mlflow.RetryPolicy{MaxAttempts: 1}))
	require.ErrorIs(t, err, mlflow.ErrUnavailable)
	assert.ErrorContains(t, err, "HTTP response to HTTPS client")
}

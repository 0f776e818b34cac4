package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// SetTLS sets a copy of the TLS settings: net/http adds to them, and an option can be used again. Nil leaves them to
// lower layers.
func (l *Layer) SetTLS(config *tls.Config, source string) { l.tls = SetNonZero(config.Clone(), source) }

// tls returns the TLS settings of the variables, unset if there are none.
func (e environment) tls() Value[*tls.Config] {
	insecure, serverCert, clientCert := e.text(envInsecureTLS), e.text(envServerCert), e.text(envClientCert)
	if !insecure.set && !serverCert.set && !clientCert.set {
		return Value[*tls.Config]{}
	}
	skip := variable(e, envInsecureTLS, parseBool).v
	if skip && serverCert.set {
		e.add(envInsecureTLS+" and "+envServerCert+" contradict each other", "unset one")
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: skip, // #nosec G402 -- only when asked
	}
	if serverCert.set {
		config.RootCAs = e.readCertificates(serverCert)
	}
	if clientCert.set {
		pair, err := tls.LoadX509KeyPair(clientCert.v, clientCert.v)
		if err != nil {
			e.add(clientCert.source, "%w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return Set(config, "the environment")
}

// readCertificates returns the certificates of the CA bundle in a file.
func (e environment) readCertificates(file Value[string]) *x509.CertPool {
	pool := x509.NewCertPool()
	bundle, err := os.ReadFile(file.v)
	switch {
	case err != nil:
		e.add(file.source, "%w", err)
	case !pool.AppendCertsFromPEM(bundle):
		e.add(file.source, "%s holds no PEM certificate", file.v)
	}
	return pool
}

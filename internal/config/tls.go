package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"strings"
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
		config.Certificates = []tls.Certificate{e.readClientCertificate(clientCert)}
	}
	return Set(config, "the environment")
}

// readCertificates returns the certificates of the CA bundle in a file.
func (e environment) readCertificates(file Value[string]) *x509.CertPool {
	pool := x509.NewCertPool()
	if e.isCertificate(file) {
		return pool
	}
	bundle, err := os.ReadFile(file.v)
	switch {
	case err != nil:
		e.add(file.source, "%w", err)
	case !pool.AppendCertsFromPEM(bundle):
		e.add(file.source, "%s holds no PEM certificate", file.v)
	}
	return pool
}

// readClientCertificate returns the certificate in a file that also has its key.
func (e environment) readClientCertificate(file Value[string]) tls.Certificate {
	if e.isCertificate(file) {
		return tls.Certificate{}
	}
	pair, err := tls.LoadX509KeyPair(file.v, file.v)
	if err != nil {
		e.add(file.source, "%w", err)
	}
	return pair
}

// isCertificate notes that a variable holds a certificate, or a key, where the path of its file is expected. An error
// about such a path would quote the key.
func (e environment) isCertificate(path Value[string]) bool {
	if !looksLikePEM(path.v) {
		return false
	}
	e.add(path.source, "the path of a PEM file is expected, and the value looks like the certificate or the key itself")
	return true
}

// looksLikePEM reports whether a text is not a path, but PEM, or what stands in PEM in Base64, or PEM in Base64 once more.
func looksLikePEM(text string) bool {
	const begin, sequence, fewest = "-----BEGIN", 0x30, 40
	if strings.Contains(text, begin) || strings.ContainsAny(text, "\r\n") {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return err == nil && len(decoded) > fewest && (decoded[0] == sequence || strings.HasPrefix(string(decoded), begin))
}

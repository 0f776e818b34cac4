// Package outage simulates 1,000 clients that log to one server while it is away for a while. It is all tests, because only
// a test has a virtual clock (testing/synctest): minutes take milliseconds, and nothing depends on the machine. The clients
// are those that mlflow.NewClient returns, with their own retry policy; the server is an http.RoundTripper.
//
//	make outage    prints what docs/scale.md says, and plots the requests that arrive at the server
package outage

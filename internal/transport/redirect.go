package transport

import (
	"errors"
	"maps"
	"net/http"
	"slices"
)

const maxRedirects = 10

// redirectPolicy returns a [http.Client.CheckRedirect] that follows a redirect only with the method of the request,
// and hands credentials, configured headers and the tracking URI to nobody but the first host. A redirect that it does
// not follow becomes the response. The policy of the caller's own client, if there is one, is asked as well.
//
// On 301, 302 and 303 net/http turns a POST into a GET without a body; a login page would then look like success.
func redirectPolicy(
	callers func(*http.Request, []*http.Request) error,
	header func() http.Header,
	follow bool,
) func(*http.Request, []*http.Request) error {
	return func(request *http.Request, via []*http.Request) error {
		first := via[0]
		if !follow || request.Method != first.Method || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		if crossesHost(append(via, request)) {
			request.Host = "" // net/http keeps a configured one for a location without a scheme, even if that names a host
			maps.DeleteFunc(request.Header, func(name string, _ []string) bool {
				_, configured := header()[name]
				return configured || !slices.Contains(safeForOtherHosts, name)
			})
		}
		if callers == nil {
			return nil
		}
		err := callers(request, via)
		if err == nil || errors.Is(err, http.ErrUseLastResponse) {
			return err
		}
		return &redirectError{err}
	}
}

// A redirectError is the error of the caller's own policy. The server has responded, and nothing was lost.
type redirectError struct{ error }

func (e *redirectError) Unwrap() error { return e.error }

// crossesHost reports whether any request of the chain goes to another host than the first, or from https to http.
func crossesHost(chain []*http.Request) bool {
	first := chain[0].URL
	for _, request := range chain[1:] {
		if request.URL.Host != first.Host || (first.Scheme == "https" && request.URL.Scheme != "https") {
			return true
		}
	}
	return false
}

package config

import (
	"maps"
	"net/http"
	"slices"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// SetHeaders adds headers for every request; a later value replaces an earlier one of the same name.
func (o *Options) SetHeaders(headers map[string]string) {
	if o.headers == nil {
		o.headers = make(map[string]string)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) { // the same one of two spellings wins each time
		o.headers[http.CanonicalHeaderKey(name)] = headers[name]
	}
}

// header returns a function for the headers of every request. Their values stay inside the function.
func (o Options) header() func() http.Header {
	header := make(http.Header, len(o.headers))
	for name, value := range o.headers {
		header.Set(name, value)
	}
	return func() http.Header { return header }
}

func (o Options) checkHeaders(p *problems) {
	const source = "WithHeaders"
	for _, name := range slices.Sorted(maps.Keys(o.headers)) {
		switch {
		case !transport.ValidHeaderName(name): // which is not quoted: it may be a value in the wrong place
			p.add(source, "a key is not the name of a header, which has letters, digits and hyphens")
		case !transport.ValidHeaderValue(o.headers[name]):
			p.add(source, "the value of %s %s", name, notInHeader)
		case slices.Contains(transport.ReservedHeaders, name):
			p.add(source, "%s is set by the library", name)
		}
	}
	if !transport.ValidHeaderValue(o.UserAgent) {
		p.add("WithUserAgent", "the product %s", notInHeader)
	}
}

const notInHeader = "holds characters that a header must not contain, such as a line break"

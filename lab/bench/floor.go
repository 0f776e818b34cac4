package bench

import (
	"context"
	"io"
	"net/http"
)

// record makes one call of the plain client, and returns a function that sends the same requests again.
func record(ctx context.Context, op operation, byHand *plain) (floor func(context.Context) error, err error) {
	recorder := &recorder{through: byHand.http.Transport}
	if err := op.plain(ctx, &plain{http: &http.Client{Transport: recorder}, uri: byHand.uri}); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		for _, r := range recorder.sent {
			if err := byHand.send(ctx, r.method, r.uri, r.body, nil); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// A recorder keeps what it sends.
type recorder struct {
	through http.RoundTripper
	sent    []recorded
}

type recorded struct {
	method, uri string
	body        []byte // nil for a GET
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	kept := recorded{method: request.Method, uri: request.URL.String()}
	if request.Method == http.MethodPost {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		if kept.body, err = io.ReadAll(body); err != nil {
			return nil, err
		}
	}
	r.sent = append(r.sent, kept)
	return r.through.RoundTrip(request)
}

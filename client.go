package mlflow

import (
	"sync"

	"github.com/mlflow-go/mlflow/internal/transport"
	"github.com/mlflow-go/mlflow/tracking"
)

// version is the library's own, as it appears in the User-Agent header and in the changelog.
const version = "0.1.0"

const userAgent = "mlflow-go/" + version

// A Client is the way in to one MLflow server. It is safe for concurrent use; a program needs one for each server.
type Client struct {
	trackingURI string
	tracking    func() *tracking.Client
}

// NewClient returns a client for the server that the options and the environment name. It checks every setting, and
// reports all that are wrong at once, but never talks to the server. Its errors match [ErrInvalidArgument].
func NewClient(opts ...Option) (*Client, error) {
	s := newSettings(opts)
	config, err := s.transport()
	if err != nil {
		return nil, err
	}
	doer := transport.New(config)
	return &Client{
		trackingURI: config.Server.String(),
		tracking: sync.OnceValue(func() *tracking.Client {
			return tracking.NewClient(config.Server, doer, tracking.Config{BatchLimits: s.batchLimits, Logger: s.logger})
		}),
	}, nil
}

// Tracking returns the client for experiment tracking: made on first use, and the same one ever after.
func (c *Client) Tracking() *tracking.Client { return c.tracking() }

// TrackingURI returns the server's address, without user name and password.
func (c *Client) TrackingURI() string { return c.trackingURI }

// String returns the server's address, without user name and password.
func (c *Client) String() string { return "mlflow.Client(" + c.trackingURI + ")" }

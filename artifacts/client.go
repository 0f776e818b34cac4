package artifacts

import (
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mlflow-go/mlflow/internal/transport"
)

// A Client moves the files of runs to and from one MLflow server. It keeps no state but what it has learned about the
// server and where runs keep their files, and is safe for concurrent use.
type Client struct {
	server    *url.URL
	transport *transport.Client
	config    Config

	mu    sync.Mutex
	roots map[string]storage // by run ID
	info  serverInfo
	until time.Time       // when the server is to be asked for it again
	lacks map[string]bool // what a storage was seen not to offer
}

// A Doer sends an HTTP request and returns its response, as an [http.Client] does.
type Doer interface {
	Do(request *http.Request) (*http.Response, error)
}

// A Config holds what a [Client] needs besides a server. Its zero value is ready to use.
type Config struct {
	// MultipartSize is how large a file must be, in bytes, to be uploaded in parts to object storage behind the server,
	// if the server offers that: 500 MiB by default. PartSize is how large a part is, 10 MiB by default; S3 wants at
	// least 5 MiB. Files of more than 10,000 parts have larger ones.
	MultipartSize, PartSize int64
	// MultipartUpload and MultipartDownload are for servers that don't say whether they want files to go to and from
	// their object storage directly. MLflow says so since 3.15.
	MultipartUpload, MultipartDownload bool
}

// The defaults are those of Python's client.
const (
	defaultMultipartSize = 500 << 20
	defaultPartSize      = 10 << 20
)

// NewClient returns a client for the server at the given URL, which may have a path. Most programs get theirs from the
// Artifacts method of mlflow.Client instead, which adds credentials, time limits, retries and all else that a server
// must be told; this one leaves that to the doer, which is given each request once. Requests to object storage don't go
// through the doer.
func NewClient(server *url.URL, doer Doer, config Config) *Client {
	if config.MultipartSize <= 0 {
		config.MultipartSize = defaultMultipartSize
	}
	if config.PartSize <= 0 {
		config.PartSize = defaultPartSize
	}
	return &Client{
		server:    server,
		transport: transport.Wrap(doer),
		config:    config,
		roots:     make(map[string]storage),
		lacks:     make(map[string]bool),
	}
}

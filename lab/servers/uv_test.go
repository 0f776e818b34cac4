package servers

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestExplainPip(t *testing.T) {
	t.Parallel()
	for warning, want := range map[string]string{
		`'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/uv/`: "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')",
		`'ConnectTimeoutError(<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>, 'Connection to index.invalid timed out. (connect timeout=15)')': /simple/uv/`:         "ConnectTimeoutError('Connection to index.invalid timed out. (connect timeout=15)')",
		`'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))': /simple/uv/`:                                                         "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))",
	} {
		retry := "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by " + warning + "\n"
		err := explainPip(errors.New(retry + retry + "ERROR: No matching distribution found for uv\n"))
		assert.ErrorContains(t, err, "pip cannot reach the package index: "+want+"\nCheck the network")
	}
	other := errors.New("ERROR: No matching distribution found for uv")
	assert.Equal(t, other, explainPip(other))
}

package traffic_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/lab/traffic"
)

// TestExamples holds the values of examples against the recordings they are from. To write them anew:
//
//	MLFLOW_UPDATE_DOCS=1 go test -run 'TestExamples$' ./traffic
func TestExamples(t *testing.T) {
	t.Parallel()
	written := document(t)
	want, err := traffic.WithExamples(written, "../..")
	require.NoError(t, err)
	if os.Getenv("MLFLOW_UPDATE_DOCS") == "1" {
		require.NoError(t, os.WriteFile(documentFile, []byte(want), 0o600))
		return
	}
	if written != want {
		assert.Fail(t, "examples differ from the recordings: MLFLOW_UPDATE_DOCS=1 go test -run 'TestExamples$' ./traffic writes them")
	}
	assert.Equal(t, strings.Count(written, "\n      description: Recorded in "), strings.Count(written, "\n      value: "))
}

// TestEverythingHasAnExample looks at the query or the body of each request, at the body of each success, and at each error
// that servers were seen to respond with.
func TestEverythingHasAnExample(t *testing.T) {
	t.Parallel()
	spec, err := traffic.Parse([]byte(document(t)))
	require.NoError(t, err)
	lacking, wrong, err := spec.CheckExamples()
	require.NoError(t, err)
	assert.Empty(t, wrong, "examples that are not valid where they stand")
	assert.ElementsMatch(t, []string{
		"OtherError", // MLflow itself sends nothing else
		// What belongs to object storage is not recorded, as its URLs name a port of the machine.
		"CreatePresignedUploadUrl request", "CreatePresignedUploadUrl response",
		"CreatePresignedDownloadUrl request", "CreatePresignedDownloadUrl response", "GetPresignedDownloadUrl response",
		"CreateMultipartUpload request", "CreateMultipartUpload response", "CompleteMultipartUpload request", "AbortMultipartUpload request",
	}, lacking)
}

package traffic_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/golden"
	"github.com/mlflow-go/mlflow/lab/traffic"
)

// TestExamples holds the values of examples against the recordings they are from; make tables writes them anew.
func TestExamples(t *testing.T) {
	t.Parallel()
	written := document(t)
	for _, wrong := range traffic.CheckSources(written) {
		t.Error(wrong)
	}
	want, err := traffic.WithExamples(written, "../..")
	require.NoError(t, err)
	require.NoError(t, golden.Compare(documentFile, want, golden.Updating()))
}

func TestCheckSources(t *testing.T) {
	t.Parallel()
	written := document(t)
	unkeyed := strings.Replace(written, "examples: {recorded: ", "examples: {ofTheDay: ", 1)
	assert.Equal(t, []string{`the key of an example must be "recorded", not "ofTheDay"`}, traffic.CheckSources(unkeyed))
	unsourced := strings.Replace(written, "description: Recorded in testdata", "description: From testdata", 1)
	wrong := traffic.CheckSources(unsourced)
	require.Len(t, wrong, 1)
	assert.Contains(t, wrong[0], `its description must be "Recorded in FILE, request N."`)
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
	meant := []string{
		"OtherError", // MLflow itself sends nothing else
		// What belongs to object storage is not recorded, as its URLs name a port of the machine.
		"CreatePresignedUploadUrl request", "CreatePresignedUploadUrl response",
		"CreatePresignedDownloadUrl request", "CreatePresignedDownloadUrl response", "GetPresignedDownloadUrl response",
		"CreateMultipartUpload request", "CreateMultipartUpload response", "CompleteMultipartUpload request", "AbortMultipartUpload request",
	}
	for _, name := range lacking {
		assert.True(t, slices.Contains(meant, name), "%s has no example: record a scenario, and add one with the key recorded", name)
	}
	for _, name := range meant {
		assert.True(t, slices.Contains(lacking, name), "%s has an example now", name)
	}
}

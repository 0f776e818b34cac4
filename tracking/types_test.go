package tracking_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/tracking"
)

func TestRunDataFindsMetricsAndParams(t *testing.T) {
	t.Parallel()
	data := tracking.RunData{
		Metrics: []tracking.Metric{{Key: "loss", Value: 0.5, Step: 3}, {Key: "zero"}},
		Params:  []tracking.Param{{Key: "rate", Value: "0.1"}, {Key: "empty"}},
	}
	for key, want := range map[string]tracking.Metric{"loss": data.Metrics[0], "zero": data.Metrics[1]} {
		got, ok := data.Metric(key)
		assert.True(t, ok, key)
		assert.Equal(t, want, got)
	}
	for key, want := range map[string]string{"rate": "0.1", "empty": ""} {
		got, ok := data.Param(key)
		assert.True(t, ok, key)
		assert.Equal(t, want, got)
	}
	for _, key := range []string{"", "Loss", "rate "} {
		_, ok := data.Metric(key)
		assert.False(t, ok, key)
		_, ok = data.Param(key)
		assert.False(t, ok, key)
	}
}

package tracking

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"unicode/utf8"
)

// How many characters of a value servers keep. MLflow 2.11 and later cut longer values and respond with 200; older
// releases refuse them.
const (
	maxParamValue  = 6000
	maxTagValue    = 5000 // before MLflow 2.17
	maxNewTagValue = 8000
)

// warnTruncated logs a warning if the server has stored, or may have stored, less than the value.
func (c *Client) warnTruncated(ctx context.Context, op, key, value string, limit int) {
	if length, longer := longerThan(limit, value); longer {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "mlflow value may be cut",
			slog.String("operation", op), slog.String("key", key), slog.Int("length", length), slog.Int("limit", limit))
	}
}

func (c *Client) checkTags(op string, tags map[string]string) error {
	if !c.strictLengths {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if err := c.checkTag(op, key, tags[key]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) checkTag(op, key, value string) error {
	return c.checkLength(op, "tag", key, value, maxNewTagValue)
}

func (c *Client) checkParam(op, key, value string) error {
	return c.checkLength(op, "param", key, value, maxParamValue)
}

// checkLength refuses a value of which every server would store less, if the client is to refuse such values.
func (c *Client) checkLength(op, what, key, value string, limit int) error {
	if !c.strictLengths {
		return nil
	}
	if length, longer := longerThan(limit, value); longer {
		return invalid(op, "the value of the %s %q has %d characters, and servers keep no more than %d", what, key, length, limit)
	}
	return nil
}

// longerThan counts the characters of a value if it may have more than the limit.
func longerThan(limit int, value string) (length int, longer bool) {
	if len(value) <= limit { // a character has at least one byte
		return 0, false
	}
	length = utf8.RuneCountInString(value)
	return length, length > limit
}

// BatchLimits limit what [Client.LogBatch] puts into one request. A zero field stands for the default, which is
// MLflow's own limit.
type BatchLimits struct {
	Metrics int // 1000 by default
	Params  int // 100 by default
	Tags    int // 100 by default
	// Items limits metrics, params and tags together; 1000 by default.
	Items int
	// Bytes limits the size of the request's body, 900,000 by default: hosts refuse more than 1 MB. An item that is too
	// large by itself is sent alone.
	Bytes int
}

var defaultBatchLimits = BatchLimits{Metrics: 1000, Params: 100, Tags: 100, Items: 1000, Bytes: 900_000}

// orDefault returns the limits with the defaults in place of zeros.
func (l BatchLimits) orDefault() BatchLimits {
	return BatchLimits{
		Metrics: cmp.Or(l.Metrics, defaultBatchLimits.Metrics),
		Params:  cmp.Or(l.Params, defaultBatchLimits.Params),
		Tags:    cmp.Or(l.Tags, defaultBatchLimits.Tags),
		Items:   cmp.Or(l.Items, defaultBatchLimits.Items),
		Bytes:   cmp.Or(l.Bytes, defaultBatchLimits.Bytes),
	}
}

// check refuses a negative limit: requests that keep to it would be empty, and never come to an end.
func (l BatchLimits) check(op string) error {
	for _, limit := range []struct {
		name string
		n    int
	}{{"Metrics", l.Metrics}, {"Params", l.Params}, {"Tags", l.Tags}, {"Items", l.Items}, {"Bytes", l.Bytes}} {
		if limit.n < 0 {
			return invalid(op, "BatchLimits.%s is negative", limit.name)
		}
	}
	return nil
}

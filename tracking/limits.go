package tracking

import (
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

// checkBatchLimits refuses a batch that no request within the limits could hold, or whose values are too long.
func (c *Client) checkBatchLimits(params []Param, tags map[string]string) error {
	if err := c.limits.check(logBatch.name); err != nil {
		return err
	}
	for _, p := range params {
		if err := c.checkParam(logBatch.name, p.Key, p.Value); err != nil {
			return err
		}
	}
	return c.checkTags(logBatch.name, tags)
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

package tracking

import (
	"context"
	"errors"
	"math"
	"regexp"

	"github.com/mlflow-go/mlflow/gen"
)

// Before MLflow 3.16 an SQL store refuses a NaN that it has already: for the server no NaN equals another, but for the
// database their primary keys are equal. The message of that BAD_REQUEST is all there is to tell by. It does not say
// which point it is about, but if the request held nothing but one NaN, this very point is stored. (Only a database that
// doesn't tell capitals apart, as MySQL by default, may have it under a key in other capitals.)

// duplicatePoint matches the message of a database that refuses a row because the table metrics has one with the same
// primary key. The table latest_metrics has a primary key of its own, and so have tags and params: those are lost races.
//
// The match begins at the name of the driver's exception, and ends at the name of the table or its constraint, because
// the rest quotes what callers chose, such as a key that reads "UNIQUE constraint failed: metrics.key". Keys have no
// quotes, parentheses or line breaks. MariaDB and old MySQL name the table only in the statement that follows.
var duplicatePoint = regexp.MustCompile(`(?m)^\([\w.]+(?:` +
	`\) UNIQUE constraint failed: metrics\.|` + // SQLite
	`UniqueViolation\) .*\bmetric_pk\b|` + // PostgreSQL, in any language
	`\) .*Violation of PRIMARY KEY constraint 'metric_pk'|` + // SQL Server
	`\) .*Duplicate entry '[^']*' for key '(?:metrics\.PRIMARY'|PRIMARY'\W*\[SQL: INSERT INTO metrics ))`) // MySQL

// isStored reports whether a database refused a request because of a point that it has already.
func isStored(err error) bool {
	if err == nil {
		return false
	}
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == ErrorCodeBadRequest && duplicatePoint.MatchString(refusal.Message)
}

func isNaN(m Metric) bool { return math.IsNaN(m.Value) }

// logPart logs what goes into one request, and calls stored with what the server has stored, as soon as that is known. If
// the server refuses the request because it has a NaN of it already, it has stored none of the metrics: the others are
// logged first, and then the NaNs by themselves.
func (c *Client) logPart(ctx context.Context, part batch, stored func(batch)) error {
	err := c.sendPart(ctx, part)
	if err == nil {
		stored(part)
		return nil
	}
	nans, others := splitNaNs(part.metrics)
	switch {
	case !isStored(err) || len(nans) == 0:
		return err
	case part.len() == 1:
		stored(part)
		return nil
	}
	part.metrics = others
	if part.len() > 0 {
		if err := c.sendPart(ctx, part); err != nil {
			return err
		}
		stored(part)
	}
	return c.logNaNs(ctx, part.runID, nans, stored)
}

// logNaNs logs points of which some are stored already. A group of them is refused as soon as one is stored, so the
// groups grow only where none is: often the first points are stored, and the others are not. A refusal costs the server
// the reading of the key's whole history: MLflow 2.22 took 78 ms with 1,000 points.
func (c *Client) logNaNs(ctx context.Context, runID string, nans []Metric, stored func(batch)) error {
	for size := 1; len(nans) > 0; {
		group := batch{runID: runID, metrics: nans[:min(size, len(nans))], tags: []gen.RunTag{}}
		err := c.sendPart(ctx, group)
		switch {
		case err == nil:
			size *= 2
		case !isStored(err):
			return err
		case group.len() > 1:
			size = 1
			continue
		}
		stored(group)
		nans = nans[group.len():]
	}
	return nil
}

// splitNaNs returns the metrics that are NaN, and the others.
func splitNaNs(metrics []Metric) (nans, others []Metric) {
	for _, m := range metrics {
		if isNaN(m) {
			nans = append(nans, m)
		} else {
			others = append(others, m)
		}
	}
	return nans, others
}

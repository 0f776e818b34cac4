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

// isStored tells whether a database refused a request because of a point that it has already.
func isStored(err error) bool {
	if err == nil {
		return false
	}
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Code == ErrorCodeBadRequest && duplicatePoint.MatchString(refusal.Message)
}

func isNaN(m Metric) bool { return math.IsNaN(m.Value) }

// logNaNs logs points of which some are stored already. A group of them is refused as soon as one is stored, so the
// groups grow only where none is: often the first points are stored, and the others are not. A refusal costs the server
// the reading of the key's whole history: MLflow 2.22 took 78 ms with 1,000 points.
func (c *Client) logNaNs(ctx context.Context, runID string, nans []Metric) error {
	for size := 1; len(nans) > 0; {
		group := nans[:min(size, len(nans))]
		err := c.sendPart(ctx, runID, batch{metrics: group, tags: []gen.RunTag{}})
		switch {
		case err == nil:
			size *= 2
		case !isStored(err):
			return err
		case len(group) > 1:
			size = 1
			continue
		}
		nans = nans[len(group):]
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

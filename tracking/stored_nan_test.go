package tracking_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow"
	"github.com/mlflow-go/mlflow/tracking"
)

// The messages of MLflow 2.22.5 on SQLite and PostgreSQL are as seen; those of the other databases are as documented.
const (
	autoflush = "(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush block if this flush is " +
		"occurring prematurely)\n"
	insertPoint = "\n[SQL: INSERT INTO metrics (\"key\", value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)]" +
		"\n[parameters: ('loss', 0.0, 5, 0, 1, 'r1')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)"
	sqlitePoint = autoflush + "(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key, metrics.timestamp, metrics.step, " +
		"metrics.run_uuid, metrics.value, metrics.is_nan" + insertPoint
	sqliteTag = "(sqlite3.IntegrityError) UNIQUE constraint failed: tags.key, tags.run_uuid" +
		"\n[SQL: INSERT INTO tags (\"key\", value, run_uuid) VALUES (?, ?, ?)]\n[parameters: ('stage', 'draft', 'r1')]"
	// A caller's key, which databases quote.
	postgresTag = "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint \"tag_pk\"\n" +
		"DETAIL:  Key (key, run_uuid)=(UNIQUE constraint failed: metrics.key metric_pk, r1) already exists.\n\n" +
		"[SQL: INSERT INTO tags (key, value, run_uuid) VALUES (%(key)s, %(value)s, %(run_uuid)s)]\n" +
		"[parameters: {'key': 'UNIQUE constraint failed: metrics.key metric_pk', 'value': '1', 'run_uuid': 'r1'}]"
)

// TestStoredNaN checks what counts as a proof that a NaN is stored.
func TestStoredNaN(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message string
		stored  bool
	}{
		"SQLite": {sqlitePoint, true},
		"PostgreSQL": {autoflush + "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint \"metric_pk\"\n" +
			"DETAIL:  Key (key, \"timestamp\", step, run_uuid, value, is_nan)=(loss, 5, 0, r1, 0, t) already exists.\n" + insertPoint, true},
		"PostgreSQL in German": {
			"(psycopg.errors.UniqueViolation) doppelter Schlüsselwert verletzt Unique-Constraint »metric_pk«" + insertPoint, true,
		},
		"MySQL":     {`(pymysql.err.IntegrityError) (1062, "Duplicate entry 'loss-5-0-r1-0-1' for key 'metrics.PRIMARY'")` + insertPoint, true},
		"MySQL 5.7": {`(MySQLdb.IntegrityError) (1062, "Duplicate entry 'loss-5-0-r1-0-1' for key 'PRIMARY'")` + insertPoint, true},
		"SQL Server": {`(pyodbc.IntegrityError) ('23000', "[23000] [Microsoft][ODBC Driver 17 for SQL Server][SQL Server]Violation of ` +
			`PRIMARY KEY constraint 'metric_pk'. Cannot insert duplicate key in object 'dbo.metrics'. The duplicate key value is (loss, 5).")` +
			insertPoint, true},

		"SQLite's latest value":     {"(sqlite3.IntegrityError) UNIQUE constraint failed: latest_metrics.key, latest_metrics.run_uuid" + insertPoint, false},
		"PostgreSQL's latest value": {`(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "latest_metric_pk"`, false},
		"MySQL's latest value":      {`(pymysql.err.IntegrityError) (1062, "Duplicate entry 'loss-r1' for key 'latest_metrics.PRIMARY'")` + insertPoint, false},
		"MySQL 5.7's latest value": {
			`(MySQLdb.IntegrityError) (1062, "Duplicate entry 'loss-r1' for key 'PRIMARY'")` + "\n[SQL: INSERT INTO latest_metrics (`key`)]", false,
		},
		"SQL Server's latest value":       {`(pyodbc.IntegrityError) ('23000', "Violation of PRIMARY KEY constraint 'latest_metric_pk'.")`, false},
		"SQLite's tag":                    {sqliteTag, false},
		"a key in PostgreSQL's own words": {postgresTag, false},
		"a key in the statement": {"(sqlite3.OperationalError) disk I/O error\n[SQL: INSERT INTO metrics (key) VALUES (?)]" +
			"\n[parameters: ('UNIQUE constraint failed: metrics.key', 'duplicate key', 'Duplicate entry')]", false},
		"MySQL's own words in a key": {
			`(pymysql.err.IntegrityError) (1062, "Duplicate entry 'for key metrics.PRIMARY-r1' for key 'tags.PRIMARY'")`, false,
		},
		"overload": {"QueuePool limit of size 5 overflow 10 reached, connection timed out", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]string{"error_code": "BAD_REQUEST", "message": test.message})
			require.NoError(t, err)
			client := newTestServer(t, respondWith(400, "application/json", string(body)))
			nan := []tracking.Metric{{Key: "loss", Value: math.NaN()}}
			for _, err := range []error{
				client.LogMetric(t.Context(), "r1", "loss", math.NaN()),
				client.LogBatch(t.Context(), "r1", nan, nil, nil),
			} {
				if test.stored {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, "BAD_REQUEST")
				}
			}
			assert.Error(t, client.LogMetric(t.Context(), "r1", "loss", 0), "a number is compared by the server")
		})
	}
}

// An oldStore keeps metrics as an SQL store does before MLflow 3.16. It is used in a synctest bubble, through HTTPClient.
type oldStore struct {
	t        *testing.T
	points   map[string]bool
	requests int
	// respond, if set, is called after a request to log-batch, with its number, and may respond in place of the store.
	respond func(number int, w http.ResponseWriter, r *http.Request) bool
}

func newOldStore(t *testing.T) *oldStore {
	t.Helper()
	return &oldStore{t: t, points: make(map[string]bool)}
}

// client returns a client with the default retry policy.
func (s *oldStore) client() *tracking.Client {
	return newClient(s.t, mlflow.WithTrackingURI("http://example.com"), mlflow.WithRetry(mlflow.RetryPolicy{}),
		mlflow.WithHTTPClient(&http.Client{Transport: s}))
}

func (s *oldStore) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	recorder := httptest.NewRecorder()
	s.logBatch(recorder, r)
	return recorder.Result(), nil
}

func (s *oldStore) logBatch(w http.ResponseWriter, r *http.Request) {
	s.requests++
	var batch struct {
		Metrics []struct {
			Key       string
			Step      int64
			Timestamp int64
			Value     any
		}
	}
	if !assert.NoError(s.t, json.NewDecoder(r.Body).Decode(&batch)) {
		return
	}
	added := make(map[string]bool)
	refused := false
	for _, m := range batch.Metrics {
		point := fmt.Sprint(m.Key, " ", m.Value, " at ", m.Step, " ", m.Timestamp)
		refused = refused || (m.Value == "NaN" && (s.points[point] || added[point]))
		added[point] = true
	}
	if !refused {
		maps.Copy(s.points, added)
	}
	switch {
	case s.respond != nil && s.respond(s.requests, w, r):
	case refused:
		s.refuse(w, r, sqlitePoint)
	default:
		respondWith(200, "application/json", `{}`)(w, r)
	}
}

func (s *oldStore) refuse(w http.ResponseWriter, r *http.Request, message string) {
	body, err := json.Marshal(map[string]string{"error_code": "BAD_REQUEST", "message": message})
	assert.NoError(s.t, err)
	respondWith(400, "application/json", string(body))(w, r)
}

func manyNaNs(n int) []tracking.Metric {
	nans := make([]tracking.Metric, n)
	for i := range nans {
		nans[i] = tracking.Metric{Key: "loss", Value: math.NaN(), Step: int64(i), Timestamp: time.UnixMilli(5)}
	}
	return nans
}

// TestNaNsOfALostBatchAreAskedForWithoutWaiting loses the response to 1,000 NaNs that were stored.
func TestNaNsOfALostBatchAreAskedForWithoutWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newOldStore(t)
		store.respond = func(number int, w http.ResponseWriter, r *http.Request) bool {
			if number == 1 {
				respondWith(502, "text/html", "Bad Gateway")(w, r)
			}
			return number == 1
		}
		start := time.Now()
		require.NoError(t, store.client().LogBatch(t.Context(), "r1", manyNaNs(1000), nil, nil))
		assert.Len(t, store.points, 1000)
		assert.LessOrEqual(t, time.Since(start), time.Second, "the wait after the lost response")
		assert.LessOrEqual(t, store.requests, 1002)
	})
}

// TestNaNsOfWhichTheFirstAreStored logs the other 900 in few requests.
func TestNaNsOfWhichTheFirstAreStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, nans := newOldStore(t), manyNaNs(1000)
		client := store.client()
		require.NoError(t, client.LogBatch(t.Context(), "r1", nans[:100], nil, nil))
		start := time.Now()
		require.NoError(t, client.LogBatch(t.Context(), "r1", append(nans, nans[999]), nil, nil))
		assert.Len(t, store.points, 1000)
		assert.Zero(t, time.Since(start))
		assert.Less(t, store.requests, 120)
	})
}

// TestNumbersAmongStoredNaNs checks that what is refused along with a NaN is stored all the same.
func TestNumbersAmongStoredNaNs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, metrics := newOldStore(t), append(manyNaNs(3), manyMetrics(20)...)
		client := store.client()
		require.NoError(t, client.LogBatch(t.Context(), "r1", metrics[1:2], nil, nil))
		require.NoError(t, client.LogBatch(t.Context(), "r1", metrics, nil, nil))
		assert.Len(t, store.points, 23)
	})
}

// TestLogBatchAfterLostRaceMeetsItsOwnNaN refuses a tag when the metrics are stored already.
func TestLogBatchAfterLostRaceMeetsItsOwnNaN(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newOldStore(t)
		store.respond = func(number int, w http.ResponseWriter, r *http.Request) bool {
			if number == 1 {
				store.refuse(w, r, sqliteTag)
			}
			return number == 1
		}
		metrics := append(manyNaNs(2), manyMetrics(2)...)
		require.NoError(t, store.client().LogBatch(t.Context(), "r1", metrics, nil, map[string]string{"stage": "draft"}))
		assert.Len(t, store.points, 4)
	})
}

// TestLogBatchContinuedMeetsStoredNaNs lets a part be stored although the call fails, and continues as BatchError says.
func TestLogBatchContinuedMeetsStoredNaNs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, metrics := newOldStore(t), manyNaNs(2500)
		store.respond = func(number int, w http.ResponseWriter, r *http.Request) bool {
			if number == 2 {
				respondWith(500, "application/json", `{"error_code": "INTERNAL_ERROR", "message": "the disk is full"}`)(w, r)
			}
			return number == 2
		}
		for i := range metrics {
			metrics[i].Timestamp = time.Time{}
		}
		client, start := store.client(), time.Now()
		var partial *tracking.BatchError
		require.ErrorAs(t, client.LogBatch(t.Context(), "r1", metrics, nil, nil), &partial)
		assert.Equal(t, 1000, partial.Metrics)
		assert.Len(t, store.points, 2000)
		assert.True(t, start.Equal(partial.Stamp), "%v", partial.Stamp)
		time.Sleep(time.Minute)
		metrics = metrics[partial.Metrics:]
		for i := range metrics {
			metrics[i].Timestamp = partial.Stamp
		}
		require.NoError(t, client.LogBatch(t.Context(), "r1", metrics, nil, nil))
		assert.Len(t, store.points, 2500)
	})
}

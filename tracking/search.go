package tracking

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
)

// SearchExperiments returns one page of the experiments that the options ask for; by default the first 1000 active
// ones, the newest first. A page can be empty although another follows: only an empty NextPageToken is the end.
//
// Errors: [ErrInvalidArgument] for a filter, an order, a page token or a number of results that the server refuses.
//
// POST /api/2.0/mlflow/experiments/search
func (c *Client) SearchExperiments(ctx context.Context, opts ...SearchExperimentsOption) (*ExperimentList, error) {
	s := searchSettings{maxResults: defaultMaxResults}
	for _, option := range opts {
		option.applyToSearchExperiments(&s)
	}
	view, err := s.view(searchExperiments.name)
	if err != nil {
		return nil, err
	}
	return send(ctx, c, searchExperiments, gen.SearchExperimentsRequest{
		Filter:     s.filter,
		MaxResults: s.maxResults,
		OrderBy:    s.orderBy,
		PageToken:  s.pageToken,
		ViewType:   view,
	}, toExperimentList)
}

// SearchRuns returns one page of the runs of the given experiments that the options ask for; by default the first 1000
// active ones, the latest started first. Without experiments nothing is found. A page can be empty although another
// follows: only an empty NextPageToken is the end.
//
// Pages are cut anew for each request: runs created meanwhile move others to the next page, where they are found
// again. Sorting by "attributes.start_time ASC" avoids that.
//
// Errors: [ErrInvalidArgument] for a filter, an order, a page token or a number of results that the server refuses. An
// experiment that does not exist is no error.
//
// POST /api/2.0/mlflow/runs/search
func (c *Client) SearchRuns(ctx context.Context, experimentIDs []string, opts ...SearchRunsOption) (*RunList, error) {
	s := searchSettings{maxResults: defaultMaxResults}
	for _, option := range opts {
		option.applyToSearchRuns(&s)
	}
	for _, id := range experimentIDs {
		if err := require(searchRuns.name, "experiment ID", id); err != nil {
			return nil, err
		}
	}
	view, err := s.view(searchRuns.name)
	if err != nil {
		return nil, err
	}
	return send(ctx, c, searchRuns, gen.SearchRunsRequest{
		ExperimentIDs: append([]string{}, experimentIDs...), // never null, which is a 500
		Filter:        s.filter,
		MaxResults:    s.maxResults,
		OrderBy:       s.orderBy,
		PageToken:     s.pageToken,
		RunViewType:   view,
	}, toRunList)
}

// AllExperiments returns an iterator over all experiments that the options ask for, fetched page by page with
// [Client.SearchExperiments]; the option for the number of results sets the size of a page. An error is yielded once,
// with a zero experiment, and ends the iteration.
//
// POST /api/2.0/mlflow/experiments/search
func (c *Client) AllExperiments(ctx context.Context, opts ...SearchExperimentsOption) iter.Seq2[Experiment, error] {
	opts = slices.Clip(slices.Clone(opts))
	return allPages("AllExperiments", func(token string) ([]Experiment, string, error) {
		page := opts
		if token != "" {
			page = append(page, WithExperimentsPageToken(token))
		}
		list, err := c.SearchExperiments(ctx, page...)
		if err != nil {
			return nil, "", err
		}
		return list.Experiments, list.NextPageToken, nil
	})
}

// AllRuns returns an iterator over all runs of the given experiments that the options ask for, fetched page by page
// with [Client.SearchRuns]; the option for the number of results sets the size of a page. An error is yielded once,
// with a zero run, and ends the iteration. Runs that are created meanwhile can make it yield others twice: see
// SearchRuns.
//
// POST /api/2.0/mlflow/runs/search
func (c *Client) AllRuns(ctx context.Context, experimentIDs []string, opts ...SearchRunsOption) iter.Seq2[Run, error] {
	experimentIDs, opts = slices.Clone(experimentIDs), slices.Clip(slices.Clone(opts))
	return allPages("AllRuns", func(token string) ([]Run, string, error) {
		page := opts
		if token != "" {
			page = append(page, WithRunsPageToken(token))
		}
		list, err := c.SearchRuns(ctx, experimentIDs, page...)
		if err != nil {
			return nil, "", err
		}
		return list.Runs, list.NextPageToken, nil
	})
}

// allPages returns an iterator over the items of all pages, from the one without a token on.
func allPages[T any](op string, fetch func(token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		seen := make(map[string]bool)
		for token := ""; ; {
			items, next, err := fetch(token)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if seen[next] {
				// Servers do: MLflow 2.9 when it is asked for pages of 0 runs.
				yield(none, newError(op, transport.Outcome{
					Kind: transport.Unexpected, Status: http.StatusOK, Message: "the server repeats a page token",
				}))
				return
			}
			seen[next], token = true, next
		}
	}
}

// view returns the view type to send, "" for none.
func (s *searchSettings) view(op string) (gen.ViewType, error) {
	if s.viewType == nil {
		return "", nil
	}
	if !s.viewType.known() {
		return "", invalid(op, "unknown view type %q", *s.viewType)
	}
	return gen.ViewType(*s.viewType), nil
}

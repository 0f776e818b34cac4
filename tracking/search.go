package tracking

import (
	"context"

	"github.com/mlflow-go/mlflow/gen"
)

// SearchExperiments returns one page of the experiments that the options ask for; by default the first 1000 active
// ones, the newest first. A page can be empty although another follows: only an empty NextPageToken is the end.
//
// Errors: [ErrInvalidArgument] for a filter, an order, a page token or a number of results that the server refuses.
//
// POST /api/2.0/mlflow/experiments/search
func (c *Client) SearchExperiments(ctx context.Context, opts ...SearchExperimentsOption) (*ExperimentList, error) {
	const op = "SearchExperiments"
	s := searchSettings{maxResults: defaultMaxResults}
	for _, option := range opts {
		option.applyToSearchExperiments(&s)
	}
	view, err := s.view(op)
	if err != nil {
		return nil, err
	}
	return send(ctx, op, c.api.SearchExperiments, gen.SearchExperimentsRequest{
		Filter:     s.filter,
		MaxResults: s.maxResults,
		OrderBy:    s.orderBy,
		PageToken:  s.pageToken,
		ViewType:   view,
	}, experimentList)
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
	const op = "SearchRuns"
	s := searchSettings{maxResults: defaultMaxResults}
	for _, option := range opts {
		option.applyToSearchRuns(&s)
	}
	for _, id := range experimentIDs {
		if err := require(op, "experiment ID", id); err != nil {
			return nil, err
		}
	}
	view, err := s.view(op)
	if err != nil {
		return nil, err
	}
	return send(ctx, op, c.api.SearchRuns, gen.SearchRunsRequest{
		ExperimentIDs: append([]string{}, experimentIDs...), // never null, which is a 500
		Filter:        s.filter,
		MaxResults:    s.maxResults,
		OrderBy:       s.orderBy,
		PageToken:     s.pageToken,
		RunViewType:   view,
	}, runList)
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

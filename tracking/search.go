package tracking

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/failure"
	"github.com/mlflow-go/mlflow/internal/pages"
)

// SearchExperiments returns one page of the experiments that match the options. By default it returns the first 1000
// active experiments, the newest first. A page can be empty although more pages follow: only an empty NextPageToken
// marks the last page.
//
// Errors: [ErrInvalidArgument] for a filter, an order, a page token or a page size that the server refuses.
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

// SearchRuns returns one page of the runs in the given experiments that match the options. By default it returns the
// first 1000 active runs, the latest started first. Without experiment IDs it finds nothing. A page can be empty
// although more pages follow: only an empty NextPageToken marks the last page.
//
// The server runs the search again for each page. Runs created between two requests can therefore move others to the
// next page, where they are found a second time. Sorting by "attributes.start_time ASC" avoids that.
//
// Errors: [ErrInvalidArgument] for a filter, an order, a page token or a page size that the server refuses. A missing
// experiment is not an error.
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

// AllExperiments returns an iterator over all experiments that match the options. It calls [Client.SearchExperiments]
// for each page, and for the next one while you work on a page; [WithExperimentsMaxResults] sets the page size, not the
// total. On an error the iterator yields the error once, with a zero Experiment, and stops.
//
// A loop that deletes or renames experiments, or sets tags that the filter asks for, makes the iterator skip others,
// without an error. Collect the experiments first, as described at [Client.AllRuns].
//
// POST /api/2.0/mlflow/experiments/search
func (c *Client) AllExperiments(ctx context.Context, opts ...SearchExperimentsOption) iter.Seq2[Experiment, error] {
	opts = slices.Clip(slices.Clone(opts))
	return allPages(ctx, "AllExperiments", func(ctx context.Context, token string) ([]Experiment, string, error) {
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

// AllRuns returns an iterator over all runs in the given experiments that match the options. It calls
// [Client.SearchRuns] for each page, and for the next one while you work on a page; [WithRunsMaxResults] sets the page
// size, not the total. On an error the iterator yields the error once, with a zero Run, and stops. If runs are created
// meanwhile, it can yield other runs twice, as described at SearchRuns.
//
// If runs drop out of the search meanwhile, it skips others, without an error: the next page begins after as many runs
// as there were before it, but those that follow have moved up. So a loop that deletes runs, or changes what the filter
// or the order looks at, must not run over the iterator itself. Collect the runs first and then change them, or let each
// search start from the beginning until it finds nothing.
//
// POST /api/2.0/mlflow/runs/search
func (c *Client) AllRuns(ctx context.Context, experimentIDs []string, opts ...SearchRunsOption) iter.Seq2[Run, error] {
	experimentIDs, opts = slices.Clone(experimentIDs), slices.Clip(slices.Clone(opts))
	return allPages(ctx, "AllRuns", func(ctx context.Context, token string) ([]Run, string, error) {
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

// view returns the view type to send, or "" if none was given.
func (s *searchSettings) view(op string) (gen.ViewType, error) {
	if s.viewType == nil {
		return "", nil
	}
	if !s.viewType.known() {
		return "", invalid(op, "unknown view type %q", *s.viewType)
	}
	return gen.ViewType(*s.viewType), nil
}

// allPages returns an iterator over the items of all pages of a search.
func allPages[T any](ctx context.Context, op string, fetch pages.Fetcher[T]) iter.Seq2[T, error] {
	return pages.All(ctx, fetch, failure.Unexpected(op, http.StatusOK, "the server repeats a page token"))
}

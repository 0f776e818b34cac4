package tracking

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/mlflow-go/mlflow/gen"
	"github.com/mlflow-go/mlflow/internal/transport"
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
// for each page; [WithExperimentsMaxResults] sets the page size, not the total. On an error the iterator yields the
// error once, with a zero Experiment, and stops.
//
// A loop that deletes or renames experiments, or sets tags that the filter asks for, makes the iterator skip others,
// without an error. Collect the experiments first, as described at [Client.AllRuns].
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

// AllRuns returns an iterator over all runs in the given experiments that match the options. It calls
// [Client.SearchRuns] for each page; [WithRunsMaxResults] sets the page size, not the total. On an error the iterator
// yields the error once, with a zero Run, and stops. If runs are created meanwhile, it can yield other runs twice, as
// described at SearchRuns.
//
// If runs drop out of the search meanwhile, it skips others, without an error: the next page begins after as many runs
// as there were before it, but those that follow have moved up. So a loop that deletes runs, or changes what the filter
// or the order looks at, must not run over the iterator itself. Collect the runs first and then change them, or let each
// search start from the beginning until it finds nothing.
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

// allPages returns an iterator over the items of all pages, starting with the one that needs no token.
func allPages[T any](op string, fetch func(token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var tokens circle
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
			if next == token || tokens.closes(next) {
				// Servers do: MLflow 2.9 when it is asked for pages of 0 runs.
				yield(none, newError(op, transport.Outcome{
					Kind: transport.Unexpected, Status: http.StatusOK, Message: "the server repeats a page token",
				}))
				return
			}
			token = next
		}
	}
}

// A circle notices that page tokens go round in one, with Brent's algorithm: it remembers one token, and after twice as
// many pages the next. That takes no memory for each page, and finds a circle after a few rounds at most.
type circle struct {
	remembered string
	pages      int // since then
	limit      int
}

// closes tells whether the token is the remembered one.
func (c *circle) closes(token string) bool {
	if token == c.remembered {
		return true
	}
	if c.pages++; c.pages > c.limit {
		c.remembered, c.pages, c.limit = token, 0, 2*c.limit+1
	}
	return false
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

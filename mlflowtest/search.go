package mlflowtest

import "slices"

type experimentsJSON struct {
	Experiments   []experimentJSON `json:"experiments,omitempty"`
	NextPageToken string           `json:"next_page_token,omitempty"`
}

func (s *store) searchExperiments(req *request) (any, error) {
	size := req.int("max_results")
	if err := checkPageSize(size); err != nil {
		return nil, err
	}
	conditions, err := experimentLanguage.parseFilter(req.text("filter"))
	if err != nil {
		return nil, err
	}
	if err := experimentLanguage.checkOperators(conditions); err != nil {
		return nil, err
	}
	if err := normalizeIDs(conditions); err != nil {
		return nil, err
	}
	orders, err := experimentLanguage.parseOrder(req.texts("order_by"))
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		if o.entity != entityAttribute {
			return nil, invalid("Invalid order_by entity: %s", o.entity)
		}
	}
	if len(orders) == 0 {
		orders = []order{{entityAttribute, "creation_time", true}, {entityAttribute, "experiment_id", false}}
	}
	offset, err := parseToken(req.text("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*experiment
	view := req.enum("view_type", activeOnly)
	for _, e := range s.experiments {
		if inView(view, e.deleted) && !slices.ContainsFunc(conditions, func(c condition) bool { return !e.matches(c) }) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *experiment) int { return compareExperiments(a, b, orders) })
	page, token := cutPage(found, offset, size)
	result := experimentsJSON{NextPageToken: token}
	for _, e := range page {
		result.Experiments = append(result.Experiments, e.json())
	}
	return result, nil
}

// normalizeIDs makes a plain number of each experiment ID that is compared with.
func normalizeIDs(conditions []condition) error {
	normalize := func(text string) (string, error) {
		id, err := parseExperimentID(text)
		if err == nil && text == "" {
			err = invalid("Invalid experiment ID ''. Experiment ID must be a valid integer.")
		}
		return formatID(id), err
	}
	for i, c := range conditions {
		if c.entity != entityAttribute || c.key != "experiment_id" {
			continue
		}
		var err error
		switch value := c.value.(type) {
		case string:
			if conditions[i].value, err = normalize(value); err != nil {
				return err
			}
		case []string:
			for j, text := range value {
				if value[j], err = normalize(text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkPageSize(size int64) error {
	if size < 1 || size > maxResults {
		return invalid("Invalid value %d for parameter 'max_results' supplied. It must be a positive integer, and at most %d",
			size, maxResults)
	}
	return nil
}

type runsJSON struct {
	Runs          []runJSON `json:"runs,omitempty"`
	NextPageToken string    `json:"next_page_token,omitempty"`
}

// defaultRuns is how many runs a page has unless a request says so.
const defaultRuns = 1000

func (s *store) searchRuns(req *request) (any, error) {
	size := int64(defaultRuns)
	if req.has("max_results") {
		size = req.int("max_results")
	}
	if err := checkPageSize(size); err != nil {
		return nil, err
	}
	conditions, err := runLanguage.parseFilter(req.text("filter"))
	if err != nil {
		return nil, err
	}
	orders, err := runLanguage.parseOrder(req.texts("order_by"))
	if err != nil {
		return nil, err
	}
	if err := checkRunOrder(orders); err != nil {
		return nil, err
	}
	if err := runLanguage.checkOperators(conditions); err != nil {
		return nil, err
	}
	if err := checkTables(conditions, orders); err != nil {
		return nil, err
	}
	offset, err := parseToken(req.text("page_token"))
	if err != nil {
		return nil, err
	}
	found, err := s.findRuns(req.texts("experiment_ids"), req.enum("run_view_type", activeOnly), conditions)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b *run) int { return compareRuns(a, b, orders) })
	page, token := cutPage(found, offset, size)
	result := runsJSON{NextPageToken: token}
	for _, r := range page {
		result.Runs = append(result.Runs, r.json())
	}
	return result, nil
}

// findRuns returns the runs of some experiments that meet all conditions.
func (s *store) findRuns(experimentIDs []string, view int, conditions []condition) ([]*run, error) {
	var found []*run
	seen := map[int64]bool{}
	for _, text := range experimentIDs {
		id, err := parseExperimentID(text)
		switch {
		case text == "":
			err = invalid("Invalid experiment ID ''. Experiment ID must be a valid integer.")
		case err == nil && (id < 0 || id >= int64(len(s.experiments)) || seen[id]):
			continue
		}
		if err != nil {
			return nil, err
		}
		seen[id] = true
		for _, r := range s.experiments[id].runs {
			if inView(view, r.deleted) && !slices.ContainsFunc(conditions, func(c condition) bool { return !r.matches(c) }) {
				found = append(found, r)
			}
		}
	}
	return found, nil
}

// maxTables is how many tables SQLite joins.
const maxTables = 64

// checkTables refuses a search that SQLite cannot do: most conditions and orders need a table of their own.
func checkTables(conditions []condition, orders []order) error {
	tables := 1
	for _, c := range conditions {
		switch {
		case c.value == nil:
		case c.entity == entityDataset && c.key == "context":
			tables += 3
		case c.entity == entityDataset:
			tables += 2
		case c.entity != entityAttribute || c.key == "run_name":
			tables++
		}
	}
	for _, o := range orders {
		if o.entity != entityAttribute {
			tables++
		}
	}
	if tables > maxTables {
		return &failure{503, "TEMPORARILY_UNAVAILABLE", "at most 64 tables in a join"}
	}
	return nil
}

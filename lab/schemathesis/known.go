package schemathesis

import (
	"fmt"
	"maps"
	"slices"
)

// Reasons that several findings share.
const (
	noObject  = "a body that is no object; nobody who follows the document sends one"
	wrongType = "an object or null in place of a number; nobody who follows the document sends one"
)

// known are the kinds of findings that are meant to be, with the reason. Operations with a body read it by the same code,
// so they fail in the same ways; some have checks of their own that come first.
var known = merge(
	each("500 json.decoder.JSONDecodeError in _get_normalized_request_json", noObject, append(writes,
		"runs/log-batch", "runs/create", "runs/search", "experiments/search")...),
	each("500 TypeError in parse_dict", noObject, append(writes,
		"runs/create", "runs/search", "experiments/search")...),
	each("500 AttributeError in _validate_request_json_with_schema", noObject, append(writes,
		"runs/log-batch")...),
	each("500 TypeError in _validate_batch_log_api_req", noObject, "runs/log-batch"),

	each("500 TypeError in _assert_intlike", wrongType,
		"runs/create", "runs/update", "runs/log-metric", "runs/search", "experiments/search"),
	each("500 TypeError in _assert_floatlike", wrongType, "runs/log-metric"),
	each("500 TypeError in _validate_param_against_schema", wrongType, "runs/search"),

	map[string]string{
		"runs/log-batch: 500 TypeError in _assert_metrics_fields_present":      "null in place of a list, which the document tells of",
		"runs/log-batch: 500 TypeError in _assert_params_fields_present":       "null in place of a list, which the document tells of",
		"runs/log-batch: 500 TypeError in _assert_tags_fields_present":         "null in place of a list, which the document tells of",
		"runs/log-batch: 500 AttributeError in _assert_metrics_fields_present": "a list in place of a metric",
		"runs/log-batch: 500 AttributeError in _assert_params_fields_present":  "a list in place of a param",
		"runs/log-batch: 500 AttributeError in _assert_tags_fields_present":    "a list in place of a tag",

		"metrics/get-history-bulk-interval: 500 INTERNAL_ERROR: Python int too large to convert to SQLite INTEGER": "" +
			"a step that is no 64-bit integer",
	},
	each("500 INTERNAL_ERROR: string argument should contain only ASCII characters", "a page token that no server has given",
		"experiments/search", "runs/search", "metrics/get-history"),
	each("500 INVALID_STATE: Cannot rename a non-active experiment.", "as the document says", "experiments/update"),
)

// writes are the operations that read their body by nothing but the code that all share.
var writes = slices.Clip([]string{
	"experiments/create", "experiments/update", "experiments/delete", "experiments/restore",
	"experiments/set-experiment-tag", "experiments/delete-experiment-tag",
	"runs/update", "runs/delete", "runs/restore",
	"runs/log-metric", "runs/log-parameter", "runs/set-tag", "runs/delete-tag", "runs/log-inputs",
})

// each returns the kinds that are the same finding about several operations.
func each(finding, reason string, operations ...string) map[string]string {
	kinds := make(map[string]string, len(operations))
	for _, operation := range operations {
		kinds[operation+": "+finding] = reason
	}
	return kinds
}

func merge(lists ...map[string]string) map[string]string {
	merged := make(map[string]string)
	for _, m := range lists {
		maps.Copy(merged, m)
	}
	return merged
}

// judge prints what was found, and returns an error if anything of it is not known. What is known and was not found it
// prints too: which requests a seed makes depends on the whole document, so that a run can miss some.
func judge(found Findings) error {
	problems := 0
	for _, kind := range slices.Sorted(maps.Keys(found.Kinds)) {
		if requests := found.Kinds[kind]; known[kind] == "" {
			problems++
			fmt.Printf("%s\n\t%d times, such as %.1000s\n", kind, len(requests), requests[0])
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(known)) {
		if found.Kinds[kind] == nil {
			fmt.Printf("%s\n\tis listed as known, and was not found this time\n", kind)
		}
	}
	if problems > 0 {
		return fmt.Errorf("%d kinds of findings are not as listed in lab/schemathesis/known.go", problems)
	}
	fmt.Printf("%d requests, and %d kinds of findings, all known.\n", found.Requests, len(found.Kinds))
	return nil
}

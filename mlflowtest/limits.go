package mlflowtest

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths are in Unicode characters.
const (
	maxKey             = 250
	maxParam           = 6000
	maxTag             = 8000
	maxExperimentName  = 500
	maxExperimentTag   = 20000
	maxLocation        = 2048
	maxMetrics         = 1000 // of a batch, and of all that a batch holds
	maxParamsOrTags    = 100  // of a batch
	maxResults         = 50000
	maxDatasetName     = 500
	maxDatasetDigest   = 36
	maxDatasetSource   = 65535
	maxDatasetSchema   = 1048575
	maxDatasetProfile  = 16777215
	maxInputTagKey     = 255
	maxInputTagValue   = 500
	maxCharactersOfIDs = 256 // of a run's ID
)

// checkKey checks the key of a metric, param or tag, but for its length.
func checkKey(key string) error {
	for _, r := range key {
		if !isWord(r) && !strings.ContainsRune("/.- :", r) {
			return invalid("Invalid value '%s' for parameter 'name'. Names may only contain alphanumerics, underscores (_), "+
				"dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).", key)
		}
	}
	if clean := path.Clean(key); clean != key || clean == "." || strings.HasPrefix(clean, "..") || strings.HasPrefix(clean, "/") {
		return invalid("Invalid value '%s' for parameter 'name'. Names may be treated as files in certain cases, and must not "+
			"resolve to other names when treated as such. This name would resolve to '%s'", key, clean)
	}
	return nil
}

// isWord reports whether Python's \w matches a character.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

func checkLength(what, value string, limit int) error {
	if utf8.RuneCountInString(value) > limit {
		return invalid("'%s' exceeds the maximum length of %d characters", what, limit)
	}
	return nil
}

// cut cuts a value that is too long, without an error.
func cut(value string, limit int) string {
	if len(value) <= limit {
		return value
	}
	for at := range value {
		if limit == 0 {
			return value[:at]
		}
		limit--
	}
	return value
}

// checkRunID checks the form of a run's ID, which not all operations do.
func checkRunID(id string) error {
	for i, r := range id {
		plain := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if i == 0 && !plain || !isWord(r) && r != '-' {
			return invalid("Invalid value '%s' for parameter 'run_id'.", id)
		}
	}
	if length := utf8.RuneCountInString(id); length == 0 || length > maxCharactersOfIDs {
		return invalid("Invalid value '%s' for parameter 'run_id'.", id)
	}
	return nil
}

func checkExperimentName(name string) error {
	if strings.TrimSpace(name) == "" {
		return invalid("Invalid experiment name: '%s'", name)
	}
	return checkLength("name", name, maxExperimentName)
}

func checkExperimentTag(key, value string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := checkLength("key", key, maxKey); err != nil {
		return err
	}
	return checkLength("value", value, maxExperimentTag)
}

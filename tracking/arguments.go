package tracking

import (
	"slices"
	"time"
	"unicode/utf8"
)

// require refuses empty arguments, given as names and values in turn. Servers take many of them, and then do something
// else than was meant.
func require(op string, namesAndValues ...string) error {
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] == "" {
			return invalid(op, "the %s is empty", namesAndValues[i])
		}
	}
	return nil
}

// requireText refuses an empty key, and a key or value that is not valid UTF-8.
func requireText(op, name, key string, values ...string) error {
	switch {
	case key == "":
		return require(op, name, key)
	case !utf8.ValidString(key), slices.ContainsFunc(values, isNotUTF8):
		return invalid(op, "the %s %q, or its value, is not valid UTF-8", name, key)
	}
	return nil
}

func isNotUTF8(text string) bool { return !utf8.ValidString(text) }

// requireTime refuses a time that MLflow's count of milliseconds cannot tell, which would be sent as another one.
func requireTime(op, name string, t time.Time) error {
	const near = 1 << 52 // seconds; most times need no closer look
	if seconds := t.Unix(); -near < seconds && seconds < near {
		return nil
	}
	if time.UnixMilli(t.UnixMilli()).Unix() != t.Unix() {
		return invalid(op, "the %s is too far from 1970 to be counted in milliseconds", name)
	}
	return nil
}

// requireTagKeys refuses tags with an empty key. Servers store those that come with a new run or experiment, and can't
// change them any more.
func requireTagKeys(op string, tags map[string]string) error {
	if _, found := tags[""]; found {
		return invalid(op, "the tag key is empty")
	}
	return nil
}

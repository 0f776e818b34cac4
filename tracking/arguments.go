package tracking

import (
	"reflect"
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
	if err := require(op, name, key); err != nil {
		return err
	}
	for _, text := range append(values, key) {
		if !utf8.ValidString(text) {
			return invalid(op, "the %s %q, or its value, is not valid UTF-8", name, key)
		}
	}
	return nil
}

// requireTime refuses a time that MLflow's count of milliseconds cannot tell, which would be sent as another one.
func requireTime(op, name string, t time.Time) error {
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

// invalidText returns the name of the first field of a request that is not valid UTF-8, or "". Encoding would put
// U+FFFD for the offending bytes, and that is what the server would store.
func invalidText(request reflect.Value) string {
	switch request.Kind() {
	case reflect.String:
		if !utf8.ValidString(request.String()) {
			return "text"
		}
	case reflect.Pointer:
		if !request.IsNil() {
			return invalidText(request.Elem())
		}
	case reflect.Slice:
		for i := range request.Len() {
			if field := invalidText(request.Index(i)); field != "" {
				return field
			}
		}
	case reflect.Struct:
		for i := range request.NumField() {
			if field := invalidText(request.Field(i)); field != "" {
				return request.Type().Field(i).Name
			}
		}
	}
	return ""
}

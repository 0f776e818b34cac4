package mlflowtest

import (
	"encoding/base64"
	"fmt"
)

// parseToken returns the offset that a page token stands for.
func parseToken(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return 0, invalid("Invalid page token, could not base64-decode")
	}
	value, ok := parseJSON(decoded)
	if !ok {
		return 0, invalid("Invalid page token, decoded value=%s", decoded)
	}
	members, ok := value.(*object)
	if !ok {
		return 0, accident("the page token is not an object")
	}
	switch offset, _ := members.get("offset"); offset := offset.(type) {
	case integer:
		if n, ok := pythonInt(string(offset)); ok && n != 0 {
			return n, nil
		}
	case float64:
		if offset != 0 {
			return int64(offset), nil
		}
	case string:
		if n, ok := pythonInt(offset); ok {
			return n, nil
		}
	}
	return 0, invalid("Invalid page token, parsed value=%s", decoded)
}

func newToken(offset int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, offset))
}

// cutPage returns a page of a list, and the token of the next one if there is more.
func cutPage[T any](list []T, offset, size int64) (page []T, token string) {
	length := int64(len(list))
	list = list[min(max(offset, 0), length):] // SQL takes an offset below 0 for 0
	if int64(len(list)) <= size {
		return list, ""
	}
	return list[:size], newToken(offset + size)
}

package wire

import (
	"encoding/json"
	"fmt"
)

// ParseError reads the body of an error response, leniently: proxies send their own. It is not ok if the body holds
// neither an error code nor a message.
func ParseError(body []byte) (code, message string, ok bool) {
	var response struct {
		ErrorCode ErrorCode `json:"error_code"`
		Message   any       `json:"message"`
	}
	if json.Unmarshal(body, &response) != nil {
		return "", "", false
	}
	switch text := response.Message.(type) {
	case nil:
		return string(response.ErrorCode), "", response.ErrorCode != ""
	case string:
		return string(response.ErrorCode), text, true
	default:
		return string(response.ErrorCode), fmt.Sprint(text), true
	}
}

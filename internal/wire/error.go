package wire

import (
	"encoding/json"
	"fmt"
)

// ParseError reads the body of an error answer, leniently: proxies send their own. It is not ok if the body holds
// neither an error code nor a message.
func ParseError(body []byte) (code ErrorCode, message string, ok bool) {
	var answer struct {
		ErrorCode ErrorCode `json:"error_code"`
		Message   any       `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", "", false
	}
	switch text := answer.Message.(type) {
	case nil:
		return answer.ErrorCode, "", answer.ErrorCode != ""
	case string:
		return answer.ErrorCode, text, true
	default:
		return answer.ErrorCode, fmt.Sprint(text), true
	}
}

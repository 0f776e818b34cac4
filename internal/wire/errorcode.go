package wire

import "encoding/json"

// ErrorCode is the error_code of an error response. MLflow sends the name of its code; proxies and gateways in front of
// it have been seen to send numbers or nothing of use.
type ErrorCode string

// UnmarshalJSON reads a name as it is, and a number as its text. Anything else becomes "": an odd code must not hide the
// message that stands beside it.
func (c *ErrorCode) UnmarshalJSON(data []byte) error {
	*c = ""
	if len(data) == 0 {
		return nil
	}
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(c))
	}
	if text := string(data); isNumeral(text) {
		*c = ErrorCode(text)
	}
	return nil
}

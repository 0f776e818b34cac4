package wire

import "encoding/json"

// ErrorCode is the error_code of an error answer. MLflow sends the name of its code; proxies and gateways in front of
// it have been seen to send numbers or nothing of use.
type ErrorCode string

// UnmarshalJSON reads a name as it is and the number of a known code as its name. Any other number is kept as its
// text, and anything else becomes "": an odd code must not hide the message that stands beside it.
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
		if name, known := codeNames[text]; known {
			*c = name
		}
	}
	return nil
}

// codeNames maps the numbers of MLflow's ErrorCode enum, unchanged from 2.9 to 3.18, to their names. It holds the codes
// that the tracking server gives an HTTP status of their own, and the general ones that it may send besides.
var codeNames = map[string]ErrorCode{
	"1":    "INTERNAL_ERROR",
	"2":    "TEMPORARILY_UNAVAILABLE",
	"3":    "IO_ERROR",
	"4":    "BAD_REQUEST",
	"5":    "SERVICE_UNDER_MAINTENANCE",
	"6":    "WORKSPACE_TEMPORARILY_UNAVAILABLE",
	"7":    "DEADLINE_EXCEEDED",
	"8":    "CANCELLED",
	"9":    "RESOURCE_EXHAUSTED",
	"10":   "ABORTED",
	"11":   "NOT_FOUND",
	"12":   "ALREADY_EXISTS",
	"13":   "UNAUTHENTICATED",
	"1000": "INVALID_PARAMETER_VALUE",
	"1001": "ENDPOINT_NOT_FOUND",
	"1002": "MALFORMED_REQUEST",
	"1003": "INVALID_STATE",
	"1004": "PERMISSION_DENIED",
	"1005": "FEATURE_DISABLED",
	"1006": "CUSTOMER_UNAUTHORIZED",
	"1007": "REQUEST_LIMIT_EXCEEDED",
	"1008": "RESOURCE_CONFLICT",
	"1009": "UNPARSEABLE_HTTP_ERROR",
	"1010": "NOT_IMPLEMENTED",
	"1011": "DATA_LOSS",
	"2001": "INVALID_STATE_TRANSITION",
	"2002": "COULD_NOT_ACQUIRE_LOCK",
	"3001": "RESOURCE_ALREADY_EXISTS",
	"3002": "RESOURCE_DOES_NOT_EXIST",
	"4001": "QUOTA_EXCEEDED",
	"5002": "RESOURCE_LIMIT_EXCEEDED",
}

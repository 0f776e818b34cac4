package wire

import "encoding/json"

// ErrorCode is the error_code of an error response. MLflow sends the name of its code; proxies and gateways in front of
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

// The error codes that the library acts on, by their names in MLflow's ErrorCode enum.
const (
	CodeInternalError          = "INTERNAL_ERROR"
	CodeTemporarilyUnavailable = "TEMPORARILY_UNAVAILABLE"
	CodeBadRequest             = "BAD_REQUEST"
	CodeDeadlineExceeded       = "DEADLINE_EXCEEDED"
	CodeResourceExhausted      = "RESOURCE_EXHAUSTED"
	CodeNotFound               = "NOT_FOUND"
	CodeAlreadyExists          = "ALREADY_EXISTS"
	CodeUnauthenticated        = "UNAUTHENTICATED"
	CodeInvalidParameterValue  = "INVALID_PARAMETER_VALUE"
	CodeEndpointNotFound       = "ENDPOINT_NOT_FOUND"
	CodeMalformedRequest       = "MALFORMED_REQUEST"
	CodeInvalidState           = "INVALID_STATE"
	CodePermissionDenied       = "PERMISSION_DENIED"
	CodeFeatureDisabled        = "FEATURE_DISABLED"
	CodeCustomerUnauthorized   = "CUSTOMER_UNAUTHORIZED"
	CodeRequestLimitExceeded   = "REQUEST_LIMIT_EXCEEDED"
	CodeResourceConflict       = "RESOURCE_CONFLICT"
	CodeNotImplemented         = "NOT_IMPLEMENTED"
	CodeResourceAlreadyExists  = "RESOURCE_ALREADY_EXISTS"
	CodeResourceDoesNotExist   = "RESOURCE_DOES_NOT_EXIST"
)

// codeNames maps the numbers of MLflow's ErrorCode enum, unchanged from 2.9 to 3.18, to their names. It holds the codes
// that the tracking server gives an HTTP status of their own, and the general ones that it may send besides.
var codeNames = map[string]ErrorCode{
	"1":    CodeInternalError,
	"2":    CodeTemporarilyUnavailable,
	"3":    "IO_ERROR",
	"4":    CodeBadRequest,
	"5":    "SERVICE_UNDER_MAINTENANCE",
	"6":    "WORKSPACE_TEMPORARILY_UNAVAILABLE",
	"7":    CodeDeadlineExceeded,
	"8":    "CANCELLED",
	"9":    CodeResourceExhausted,
	"10":   "ABORTED",
	"11":   CodeNotFound,
	"12":   CodeAlreadyExists,
	"13":   CodeUnauthenticated,
	"1000": CodeInvalidParameterValue,
	"1001": CodeEndpointNotFound,
	"1002": CodeMalformedRequest,
	"1003": CodeInvalidState,
	"1004": CodePermissionDenied,
	"1005": CodeFeatureDisabled,
	"1006": CodeCustomerUnauthorized,
	"1007": CodeRequestLimitExceeded,
	"1008": CodeResourceConflict,
	"1009": "UNPARSEABLE_HTTP_ERROR",
	"1010": CodeNotImplemented,
	"1011": "DATA_LOSS",
	"2001": "INVALID_STATE_TRANSITION",
	"2002": "COULD_NOT_ACQUIRE_LOCK",
	"3001": CodeResourceAlreadyExists,
	"3002": CodeResourceDoesNotExist,
	"4001": "QUOTA_EXCEEDED",
	"5002": "RESOURCE_LIMIT_EXCEEDED",
}

package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mlflow-go/mlflow/internal/wire"
)

// An ErrorCode is a row of MLflow's ErrorCode enum, unchanged from 2.9 to 3.18.
type ErrorCode struct {
	// Text is what MLflow sends, and Number what gateways in front of it have been seen to send instead.
	Text   string
	Number int
	// Kind is what went wrong, or byStatus.
	Kind Kind
}

// byStatus is the kind of a code that says less than the HTTP status does.
const byStatus = Success

// ErrorCodes are the codes that the tracking server gives an HTTP status of their own, and the general ones that it may
// send besides. Package tracking has a constant for each but those of the kind byStatus.
var ErrorCodes = []ErrorCode{
	{"INTERNAL_ERROR", 1, Failed},
	{"TEMPORARILY_UNAVAILABLE", 2, Unavailable},
	{"IO_ERROR", 3, byStatus},
	{"BAD_REQUEST", 4, DatabaseRefused},
	{"SERVICE_UNDER_MAINTENANCE", 5, byStatus},
	{"WORKSPACE_TEMPORARILY_UNAVAILABLE", 6, byStatus},
	{"DEADLINE_EXCEEDED", 7, Unavailable},
	{"CANCELLED", 8, byStatus},
	{"RESOURCE_EXHAUSTED", 9, RateLimited},
	{"ABORTED", 10, byStatus},
	{"NOT_FOUND", 11, NotFound},
	{"ALREADY_EXISTS", 12, AlreadyExists},
	{"UNAUTHENTICATED", 13, Unauthenticated},
	{"INVALID_PARAMETER_VALUE", 1000, InvalidArgument},
	{"ENDPOINT_NOT_FOUND", 1001, Unsupported},
	{"MALFORMED_REQUEST", 1002, InvalidArgument},
	{"INVALID_STATE", 1003, InvalidArgument},
	{"PERMISSION_DENIED", 1004, PermissionDenied},
	{"FEATURE_DISABLED", 1005, Unsupported},
	{"CUSTOMER_UNAUTHORIZED", 1006, Unauthenticated},
	{"REQUEST_LIMIT_EXCEEDED", 1007, RateLimited},
	{"RESOURCE_CONFLICT", 1008, Failed},
	{"UNPARSEABLE_HTTP_ERROR", 1009, byStatus},
	{"NOT_IMPLEMENTED", 1010, Unsupported},
	{"DATA_LOSS", 1011, byStatus},
	{"INVALID_STATE_TRANSITION", 2001, byStatus},
	{"COULD_NOT_ACQUIRE_LOCK", 2002, byStatus},
	{"RESOURCE_ALREADY_EXISTS", 3001, AlreadyExists},
	{"RESOURCE_DOES_NOT_EXIST", 3002, NotFound},
	{"QUOTA_EXCEEDED", 4001, byStatus},
	{"RESOURCE_LIMIT_EXCEEDED", 5002, byStatus},
}

const codeFeatureDisabled = "FEATURE_DISABLED"

var kindsByCode, codesByNumber = indexErrorCodes()

func indexErrorCodes() (kinds map[string]Kind, texts map[string]string) {
	kinds, texts = make(map[string]Kind), make(map[string]string)
	for _, code := range ErrorCodes {
		texts[strconv.Itoa(code.Number)] = code.Text
		if code.Kind != byStatus {
			kinds[code.Text] = code.Kind
		}
	}
	return kinds, texts
}

var kindsByStatus = map[int]Kind{
	http.StatusBadRequest:            InvalidArgument,
	http.StatusUnauthorized:          Unauthenticated,
	http.StatusForbidden:             PermissionDenied,
	http.StatusNotFound:              NotFound,
	http.StatusMethodNotAllowed:      Unsupported,
	http.StatusRequestTimeout:        Unavailable,
	http.StatusRequestEntityTooLarge: InvalidArgument,
	http.StatusRequestURITooLong:     InvalidArgument,
	http.StatusUnprocessableEntity:   InvalidArgument,
	http.StatusTooManyRequests:       RateLimited,
	http.StatusNotImplemented:        Unsupported,
	http.StatusBadGateway:            Unavailable,
	http.StatusServiceUnavailable:    Unavailable,
	http.StatusGatewayTimeout:        Unavailable,
}

// Classify returns what a response means that has the given HTTP status and error code, "" for none.
func Classify(status int, code string) Kind {
	kind, known := kindsByCode[code]
	switch {
	case known:
		return kind
	case isSuccess(status) && code == "":
		return Success
	case status < 400:
		return Unexpected
	case code == "" && status == http.StatusNotFound:
		return Unsupported // MLflow's own 404 has a code
	case code == "" && status == http.StatusInternalServerError:
		return Crashed // MLflow's own verdicts have a code
	}
	if kind, known = kindsByStatus[status]; known {
		return kind
	}
	return Failed
}

func isSuccess(status int) bool { return 200 <= status && status < 300 }

// An errorCode is the error_code of a response: the text, or the number of a known code as its text.
type errorCode wire.ErrorCode

func (c *errorCode) UnmarshalJSON(data []byte) error {
	if text, known := codesByNumber[string(data)]; known {
		*c = errorCode(text)
		return nil
	}
	return (*wire.ErrorCode)(c).UnmarshalJSON(data)
}

// parseError reads the body of an error response, leniently: proxies send their own. It is not ok if the body holds
// neither an error code nor a message.
func parseError(body []byte) (code, message string, ok bool) {
	var response struct {
		ErrorCode errorCode `json:"error_code"`
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

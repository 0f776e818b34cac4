package mlflowtest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A failure is a response that says no.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func invalid(format string, args ...any) error {
	return &failure{http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return &failure{http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(format, args...)}
}

// databaseRefused is what the server makes of an error of its database.
func databaseRefused(format string, args ...any) error {
	return &failure{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf(format, args...)}
}

// accident is for requests that a real server responds to with status 500, since nobody has thought of them.
func accident(format string, args ...any) error {
	return invalid("%s (a real server responds to this with status 500)", fmt.Sprintf(format, args...))
}

func writeFailure(w http.ResponseWriter, f *failure) {
	writeJSON(w, f.status, struct {
		ErrorCode string `json:"error_code"`
		Message   string `json:"message"`
	}{f.code, f.message})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // all types that are written can be
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked has gone away
}

// writeDetail writes an error without an error code, as MLflow's routes for files do at times.
func writeDetail(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, struct {
		Detail string `json:"detail"`
	}{detail})
}

// writePage writes an error in HTML, as MLflow's web server does.
func writePage(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<title>%d %s</title>\n<p>%s</p>\n", status, http.StatusText(status), text)
}

// Package wire writes the JSON of requests and reads that of responses, without reflection: the generated types append and
// read themselves with it. It also holds the values whose form differs between MLflow servers, releases and proxies. Each
// of them writes the one form that every server understands and reads all the forms that servers are known to send.
//
// A value that cannot be read is an error, never a silent zero: a metric of 0 and a metric that was lost look the same
// on a chart. MLflow never sends null. It is an error in place of a number, although the convention for
// [json.Unmarshaler] is to ignore it; only for a member that may be absent it says the same as absence.
package wire

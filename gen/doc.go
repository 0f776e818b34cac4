// Package gen is the low-level client that oapi-codegen makes from openapi/mlflow.yaml: the paths, the query
// parameters and the JSON types of MLflow's tracking API, one method for each operation, answering with the bare
// [net/http.Response].
//
// It is generated and never edited: change the spec, then run `make generate`. Its names and types follow the spec and
// the generator and may change in any release; nothing here is promised to stay. Programs use package tracking, which
// is built on this one and adds what a generator cannot know.
package gen

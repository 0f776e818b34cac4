// Package gen is the low-level client that oapi-codegen makes from openapi/mlflow.yaml: the paths, the query
// parameters and the JSON types of MLflow's tracking API. It has one method for each operation, which returns the bare
// [net/http.Response].
//
// The package is generated and never edited: change the spec, then run `make generate`. Its names and types follow the
// spec and the generator, and may change in any release. Programs should use package tracking, which is built on this
// package and adds what a generator cannot know.
package gen

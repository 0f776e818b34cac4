package tables

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An endpoint is what the spec says of one operation.
type endpoint struct {
	route    string // method and path
	artifact bool   // it belongs to package artifacts
	since    string // the release that it appeared in; "" for the oldest one that the library knows
}

const oldestRelease = "2.9"

// Routes returns method and path of each operation that package tracking has a method for, by the method's name.
func Routes(root string) (map[string]string, error) {
	spec, err := readSpec(filepath.Join(root, "openapi", "mlflow.yaml"))
	if err != nil {
		return nil, err
	}
	routes := make(map[string]string)
	for name, e := range spec {
		if !e.artifact {
			routes[name] = e.route
		}
	}
	return routes, nil
}

// readSpec returns the operations of an OpenAPI document by their operationId.
func readSpec(file string) (map[string]endpoint, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var document struct {
		Paths map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	found := make(map[string]endpoint)
	for path, item := range document.Paths {
		for method, node := range item {
			if node.Kind != yaml.MappingNode {
				continue // the parameters of all methods
			}
			var operation struct {
				OperationID string `yaml:"operationId"`
				Tags        []string
				Since       string `yaml:"x-mlflow-since"`
			}
			if err := node.Decode(&operation); err != nil {
				return nil, err
			}
			since := operation.Since
			if since == oldestRelease {
				since = ""
			}
			found[operation.OperationID] = endpoint{
				route: strings.ToUpper(method) + " " + path, artifact: len(operation.Tags) == 1 && operation.Tags[0] == "artifacts", since: since,
			}
		}
	}
	return found, nil
}

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Build tools have a module file of their own, so that users of the library do not inherit them.
TOOL := go tool -modfile=tools.mod

.PHONY: generate
generate: ## Regenerate gen/ from openapi/mlflow.yaml
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -o gen/mlflow.gen.go openapi/mlflow.yaml

.PHONY: check-generate
check-generate: ## Check that gen/ is what openapi/mlflow.yaml generates
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cp gen/doc.go "$$fresh"; \
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -o "$$fresh/mlflow.gen.go" openapi/mlflow.yaml; \
	diff -ru gen "$$fresh" || { echo "gen/ is stale: run make generate" >&2; exit 1; }

.PHONY: check-spec
check-spec: ## Check that openapi/mlflow.yaml is valid OpenAPI
	@$(TOOL) validate -multi openapi/mlflow.yaml

.PHONY: demo
demo: ## Run examples/quickstart against a real MLflow server, installed on first use
	@go run ./internal/cmd/servers demo

.PHONY: server
server: ## Keep a server running, with the demo's data (PORT=5000 SERVER=3.17.2)
	@go run ./internal/cmd/servers serve

.PHONY: integration
integration: ## Test against real servers (SERVERS="2.9.2 3.17.2" or all, RUN=TestName, ARGS="-o FILE -resume")
	@go run ./internal/cmd/servers integration $(ARGS)

.PHONY: record
record: ## Record testdata/ from real servers (SERVERS="2.9.2 3.17.2", RUN=TestName)
	@go run ./internal/cmd/servers record

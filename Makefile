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

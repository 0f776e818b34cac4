.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Tools that are modules have module files of their own, so that users of the library do not inherit them. The linter's
# is apart from the generator's: a new linter must not change what is generated.
TOOL := go tool -modfile=tools.mod
# It may need a newer Go than the library does: auto fetches that as a module.
LINT := GOTOOLCHAIN=auto go tool -modfile=$(CURDIR)/lint.mod golangci-lint

# The laboratory is one program, which is built and run from here. go run would make an error of Ctrl-C, which is how a
# server is ended.
LAB := go -C lab build -o ../.mlflow/bin/lab ./cmd && exec .mlflow/bin/lab

# Settings of a target that are flags of its subcommand, each only if it is set; ARGS has any others.
FLAGS = $(if $(SEED),-seed $(SEED)) $(if $(COUNT),-count $(COUNT)) $(if $(KEYS),-keys $(KEYS)) $(ARGS)

.PHONY: demo
demo: ## Run examples/quickstart against a real MLflow server, installed on first use (PORT=5000 SERVER=3.17.2)
	@$(LAB) demo

.PHONY: server
server: ## Keep a server running, with the demo's data (PORT=5000 SERVER=3.17.2)
	@$(LAB) serve

.PHONY: test
test: ## Run all unit tests: scenarios are replayed and run against mlflowtest, nothing is installed
	@race=-race; go build -race runtime/cgo 2>/dev/null || \
	{ race=; echo "The race detector needs a C compiler: testing without it."; }; \
	go test $$race ./...

.PHONY: integration
integration: ## Test against real servers (SERVERS="2.9.2 3.17.2", gate or all, RUN=TestName, ARGS="-o FILE -resume")
	@$(LAB) integration $(ARGS)

.PHONY: chaos
chaos: ## Break connections to a real server, kill it, and compare what is left (SEED=1 COUNT=1 ARGS="-load -limit 4m")
	@$(LAB) chaos $(FLAGS)

.PHONY: rivals
rivals: ## Let processes compete for runs with the same idempotency keys (KEYS=50 SEED=1)
	@$(LAB) rivals $(FLAGS)

.PHONY: outage
outage: ## Simulate 1,000 clients through an outage on a virtual clock
	@go -C lab test -count=1 -v ./outage

.PHONY: training
training: ## Kill a server, and training, while points are logged (ARGS="-for 10m -restarts 5 -kills 50"; by default a minute)
	@$(LAB) training $(or $(FLAGS),-for 20s -restarts 2 -kills 5)

.PHONY: transfer
transfer: ## Move 1,000 artifacts and a large one to servers and back, and compare with curl (SERVERS="3.17.2" ARGS="-size 2147483648")
	@$(LAB) transfer $(FLAGS) $(SERVERS)

.PHONY: differential
differential: ## Compare mlflowtest with a real server by random calls, and by Python's client (SEED=1 COUNT=500 ARGS="-limit 3m")
	@$(LAB) differential $(FLAGS)

.PHONY: record
record: ## Record testdata/ from real servers (SERVERS="3.17.2", RUN=TestName)
	@$(LAB) record

.PHONY: generate
generate: ## Regenerate gen/ from openapi/mlflow.yaml
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -o gen/mlflow.gen.go openapi/mlflow.yaml

# -count=1, since what is cached does not see that files of the root have changed: the spec and testdata/.
.PHONY: modules
modules: ## Check and test the modules below the root: lab, and those of examples/
	@set -e; for file in $$(find . -mindepth 2 -name go.mod -not -path './.mlflow/*'); do \
		echo "$${file%/go.mod}"; \
		(cd "$${file%/go.mod}" && go mod tidy -diff && go vet ./... && go test -count=1 ./...); \
	done

.PHONY: tables
tables: ## Write the tables of docs/reference.md, tracking/doc.go, testdata/api, docs/faults.md and the spec's examples
	@$(LAB) tables

.PHONY: check-tables
check-tables: ## Check that the tables are what make tables writes
	@$(LAB) tables -check

.PHONY: check-generate
check-generate: ## Check that gen/ is what openapi/mlflow.yaml generates
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cp gen/doc.go "$$fresh"; \
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -o "$$fresh/mlflow.gen.go" openapi/mlflow.yaml; \
	diff -ru gen "$$fresh" || { echo "gen/ is stale: run make generate" >&2; exit 1; }

.PHONY: check-spec
check-spec: ## Check that openapi/mlflow.yaml is valid OpenAPI
	@$(TOOL) validate -multi openapi/mlflow.yaml

.PHONY: drift
drift: ## Compare the spec with MLflow's releases (RELEASE=3.18.0 fetches one first, LATEST=1 looks for a newer one, FIX=1 drops stale omissions)
	@$(LAB) drift $(if $(RELEASE),-release $(RELEASE)) $(if $(LATEST),-latest) $(if $(FIX),-fix)

.PHONY: check-stock
check-stock: ## Check that others can use openapi/mlflow.yaml: a client made without our settings compiles
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(TOOL) oapi-codegen -package stock -generate types,client -o "$$fresh/client.go" openapi/mlflow.yaml; \
	cd "$$fresh"; go mod init stock 2>/dev/null; go mod edit -require github.com/oapi-codegen/runtime@v1.8.0; \
	go mod tidy -e 2>/dev/null; go vet ./...

.PHONY: check-clients
check-clients: ## Check that Python and TypeScript clients made of openapi/mlflow.yaml work on a real server (needs Node.js)
	@$(LAB) clients

.PHONY: schemathesis
schemathesis: ## Send made-up requests to a real server, and hold its responses against openapi/mlflow.yaml (SEED=1)
	@$(LAB) schemathesis $(FLAGS)

.PHONY: docs
docs: ## Make one page of openapi/mlflow.yaml for people, .mlflow/docs/index.html (needs Node.js)
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --yes @redocly/cli@2.77.0 build-docs openapi/mlflow.yaml \
		--template openapi/page.hbs --inlineBundle --openapi.showExtensions -o .mlflow/docs/index.html

.PHONY: check-tidy
check-tidy: ## Check that go.mod holds what the library needs, and no more (make modules checks the others)
	@go mod tidy -diff || { echo "go.mod is out of date: run go mod tidy" >&2; exit 1; }

.PHONY: fmt
fmt: ## Format the code
	@$(LINT) fmt
	@cd lab && $(LINT) fmt

.PHONY: lint
lint: ## Run go vet and the linters of .golangci.yml, and look for what a merge left behind
	@! git grep -nE '^(<{7}|>{7}) '
	@go vet ./...
	@$(LINT) run
	@cd lab && go vet ./... && $(LINT) run

.PHONY: check
check: check-tidy check-generate check-tables check-spec check-stock lint ## Check all that needs no server and no tests

PLATFORMS := linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 windows/386

.PHONY: cross
cross: ## Build and vet for other systems and processors
	@set -e; export CGO_ENABLED=0; for platform in $(PLATFORMS); do \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		echo "$$platform"; go build ./...; go vet ./...; go -C lab vet ./cmd ./servers/...; \
	done

.PHONY: oldest
oldest: ## Run the unit tests on the oldest Go that go.mod allows
	@set -e; export GOTOOLCHAIN=go$$(go list -m -f '{{.GoVersion}}'); echo "$$GOTOOLCHAIN"; go test ./...

.PHONY: newest
newest: ## Run the unit tests on the newest Go release
	@set -e; newest=go$$(go list -m -f '{{.Version}}' go@latest); echo "$$newest"; \
	if [ "$$newest" = "$$(go env GOVERSION)" ]; then echo "It is what make test uses."; exit; fi; \
	export GOTOOLCHAIN=$$newest; go vet ./...; go test ./...

.PHONY: examples
examples: ## Run all examples against MLFLOW_TRACKING_URI
	@set -e; for example in examples/*/; do \
		case "$$example" in \
		examples/sigv4/) echo "$$example needs AWS: make modules tests it"; continue ;; \
		examples/observability/) echo "$$example serves metrics until it is stopped: make modules tests it"; continue ;; \
		esac; \
		echo "go -C $$example run ."; go -C "$$example" run .; \
	done

# By count: at the end of a time, go test may fail with "context deadline exceeded" although no input did.
.PHONY: fuzz
fuzz: ## Fuzz each target (FUZZTIME=10000x, a number of inputs, or a time)
	@set -e; for package in $$(git grep -l "^func Fuzz" -- "*_test.go" ":!lab" | xargs -n1 dirname | sort -u | sed "s|^|./|"); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $${FUZZTIME:-10000x} $$package; \
		done; \
	done

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities, where the database of them can be reached
	@out=$$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... 2>&1) && { echo "$$out"; exit; }; echo "$$out"; \
	case "$$out" in *"fetching vulnerabilities"*) echo "Not checked: the database cannot be reached." ;; *) exit 1 ;; esac

.PHONY: bench
bench: ## Measure the library beside net/http and encoding/json by hand (ARGS="-only LogBatch -rounds 5")
	@$(LAB) bench $(FLAGS)

.PHONY: load
load: ## Measure how much real servers take, and what that costs (ARGS=-small takes a minute, all of it half an hour)
	@$(LAB) load $(FLAGS)

.PHONY: ci
ci: ## The gate: check what every change must pass, as .ci/run does; takes a quarter of an hour
	@bash .ci/run

.PHONY: ci-full
ci-full: ## The gate and all other checks: before a release, and at the end of a larger change; takes an hour
	@bash .ci/run full

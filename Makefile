# offhook: `make help` lists what there is. Everything needs Go; demo and test
# also need Postgres binaries on the machine (no running server, no set-up).

GO      ?= go
ROUNDS  ?= 100
SEED    ?= 0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The version is stamped by hand, because the Go tool refuses to build in a
# clone that belongs to another user when it is to read git itself.
BUILD    = $(GO) build -buildvcs=false -ldflags '-X main.version=$(VERSION)'
# Linters are pinned in a module file of their own: they are no dependency of offhook.
TOOL     = $(GO) tool -modfile=deploy/tools.mod

.DEFAULT_GOAL := help
.PHONY: help demo test theory crash hostile bench bench-read check build ci

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

build: ## bin/offhook
	@$(BUILD) -o bin/offhook ./cmd/offhook && echo "bin/offhook $(VERSION)"

demo: build ## the whole way, from a ringing phone to a verified webhook, in under a minute
	@./bin/offhook demo

test: ## every test, against a real Postgres that the tests start themselves
	$(GO) test -buildvcs=false -timeout 10m ./...

theory: ## the engine against the Erlang formulas, in a few minutes; ORACLE=<csv> compares with the waits of a file
	@mkdir -p bin && $(GO) test -buildvcs=false -c -o bin/theory.test ./queue/sim
	@cd queue/sim && ../../bin/theory.test -theory -oracle '$(if $(ORACLE),$(abspath $(ORACLE)))'

crash: ## a hundred faults under load: kill -9 of servers and of Postgres; SEED=<n> repeats one; ROUNDS=<n>
	@mkdir -p bin && $(GO) test -buildvcs=false -c -o bin/crash.test ./cmd/offhook
	@cd cmd/offhook && ../../bin/crash.test -test.run '^TestOrderUnderFire$$' -test.timeout 20m -attempts 10000 -rounds $(ROUNDS) -seed $(SEED)
	@cd cmd/offhook && ../../bin/crash.test -test.run '^TestCrash$$' -test.timeout 20m -rounds $(ROUNDS) -seed $(SEED)

hostile: ## every kind of bad receiver there is, again and again: outcomes, records, memory and goroutines
	@mkdir -p bin && $(GO) test -buildvcs=false -c -o bin/hostile.test ./cmd/offhook
	@cd cmd/offhook && ../../bin/hostile.test -test.run '^TestHostile$$' -test.timeout 10m -hostile-rounds 30

bench: ## what it can carry on this machine, in about ten minutes, with 6 GB of disk for a list of ten million
	@GO=$(GO) ./deploy/bench.sh

# Kept from one run to the next, outside of the project; DATA=<folder> is another place.
DATA ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/offhook/bench-read

bench-read: ## every list and timeline over ten million events and tries, in some minutes; ten more and 15 GB of disk at the first time
	@mkdir -p bin && $(GO) test -buildvcs=false -c -o bin/reading.test ./cmd/offhook
	@cd cmd/offhook && ../../bin/reading.test -test.run '^TestReading$$' -test.timeout 60m -reading '$(abspath $(DATA))' -lists '$(LISTS)'

check: ## formatting, vet and linters
	@unformatted=$$(gofmt -l api cmd dispatcher migrations queue store); \
	  test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(GO) vet -buildvcs=false ./...
	$(TOOL) staticcheck ./...

ci: ## what the build machine runs, from nothing
	./.ci/run

# buildrace: `make race` shows it, `make test` proves it.

CARGO ?= cargo
BUILDRACE = target/release/buildrace
ROUNDS ?= 1
SCENARIO ?= go-hello

.PHONY: help build engine race test verify-scenarios lint bench bench-builds power clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Compile buildrace
	$(CARGO) build --release --locked

engine: build ## Start a private engine where no other is reachable
	$(BUILDRACE) engine up --if-none

race: engine ## Race $(SCENARIO) for $(ROUNDS) round(s) and write results/ and reports/
	$(BUILDRACE) run $(SCENARIO) --rounds $(ROUNDS)

test: ## Run every test, those on a live engine included
	scripts/test

verify-scenarios: ## Build every scenario's fast variants and check their images on each platform
	scripts/verify-scenarios

lint: ## Check formatting and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

bench: ## Run the benchmarks, ours against `docker buildx` among them
	scripts/bench

bench-builds: engine ## Time the builds of $(SCENARIO) under Criterion
	BUILDRACE_BENCH_SCENARIO=$(SCENARIO) $(CARGO) bench --locked --bench builds

power: ## Make the tables of power in docs/verdict.md again
	$(CARGO) run --release --locked --example power -- --write docs/verdict.md

clean: ## Remove what was compiled
	$(CARGO) clean

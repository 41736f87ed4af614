# buildrace: `make race` shows it, `make test` proves it.

CARGO ?= cargo
BUILDRACE = target/release/buildrace
ROUNDS ?= 1
SCENARIO ?= go-hello

# Those that need neither an engine nor a network.
FAST_TESTS = $(filter-out live private_engine readers object_store browser, \
	$(notdir $(basename $(wildcard tests/*.rs)) $(patsubst %/main.rs,%,$(wildcard tests/*/main.rs))))

.PHONY: help fuzz build engine race quick suite headline check test verify-scenarios lint bench bench-builds readme site power clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Compile buildrace
	$(CARGO) build --release --locked

engine: build ## Start a private engine where no other is reachable
	$(BUILDRACE) engine up --if-none $(ENGINE_ARGS)

race: engine ## Race $(SCENARIO) for $(ROUNDS) round(s) and write results/ and reports/
	$(BUILDRACE) run $(SCENARIO) --rounds $(ROUNDS)

quick suite headline: ROUNDS_OF = $(if $(filter file,$(origin ROUNDS)),,--rounds $(ROUNDS))

quick: engine ## Race the suite quick
	$(BUILDRACE) run --suite quick $(ROUNDS_OF)

suite: ENGINE_ARGS = --emulate amd64,arm64,arm,riscv64
suite: engine ## Race the suite full, for three rounds or $(ROUNDS)
	$(BUILDRACE) run --suite full $(ROUNDS_OF)

headline: engine ## Race the suite headline, for three rounds or $(ROUNDS)
	$(BUILDRACE) run --suite headline $(ROUNDS_OF)

check: lint ## Check formatting, lints and the tests that need no engine and no network
	$(CARGO) test --locked --quiet --lib --bins --examples $(FAST_TESTS:%=--test %)
	$(CARGO) test --locked --quiet --doc

test: ## Run every test, those on a live engine included
	scripts/test

verify-scenarios: ## Build every scenario's fast variants and check their images on each platform
	scripts/verify-scenarios

lint: ## Check formatting and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

FUZZ_SECONDS ?= 600

fuzz: ## Fuzz each reader for ten minutes, or $(FUZZ_SECONDS) seconds: cargo install cargo-fuzz
	scripts/fuzz $(FUZZ_SECONDS)

bench: ## Run the benchmarks, ours against `docker buildx` among them
	scripts/bench

bench-builds: engine ## Time the builds of $(SCENARIO) under Criterion
	BUILDRACE_BENCH_SCENARIO=$(SCENARIO) $(CARGO) bench --locked --bench builds

readme: ## Make the figures of README.md, docs/results.md and docs/choose.md again from results/
	BUILDRACE_UPDATE_README=1 $(CARGO) test --locked --test readme

site: ## Make reports/, the site of the published runs, again from results/
	$(CARGO) run --locked --quiet -- site results --output reports

power: ## Make the tables of power in docs/verdict.md again
	$(CARGO) run --release --locked --example power -- --write docs/verdict.md

clean: ## Remove what was compiled
	$(CARGO) clean

# Every command on a fresh machine; CONTRIBUTING.md says what each needs.
#
# Cargo decides the features of a dependency by the packages that are selected, so every target selects the whole
# workspace: another selection would compile the large dependencies a second time.

CARGO ?= cargo
PIPE  := target/debug/pipe
SOAK  ?= 1000

.DEFAULT_GOAL := help
.PHONY: help run test soak lint audit bench bench-engine build libtorch

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then run the pipeline sample, which needs no data
	$(PIPE) run sample

test: build ## build, then run all tests
	$(CARGO) test --workspace

soak: build ## try to break the store for an hour or two: kills, faults, damage, random timelines; SOAK says how much
	@for test in planner_model killed together faults power_loss corruption; do \
		echo "== $$test, PIPE_SOAK=$(SOAK)"; \
		PIPE_SOAK=$(SOAK) $(CARGO) test --workspace --test $$test -- --nocapture --test-threads=1 || exit 1; \
	done; \
	echo "All of it survived."

lint: libtorch ## check format, lints and licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check bans licenses sources; \
	else \
		echo 'cargo-deny is not installed, so deny.toml was not checked: cargo install cargo-deny --locked'; \
	fi

audit: ## check dependencies against published advisories, which are fetched
	$(CARGO) deny check advisories

bench: build ## time a run with nothing to do beside make
	python3 benches/engine --loaded --no-install --only sample --tools make,pipe

bench-engine: build ## time make, ninja, doit, DVC, Snakemake and pipe side by side; ENGINE holds options
	python3 benches/engine $(ENGINE)

build: libtorch ## build pipe and pipe-worker into target/debug
	$(CARGO) build --workspace

libtorch: ## put libtorch into .libtorch, unless LIBTORCH is set
	@scripts/libtorch.sh

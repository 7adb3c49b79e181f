# Every command on a fresh machine; CONTRIBUTING.md says what each needs.
#
# Cargo decides the features of a dependency by the packages that are selected, so every target selects the whole
# workspace: another selection would compile the large dependencies a second time.

CARGO ?= cargo
PIPE  := target/debug/pipe

.DEFAULT_GOAL := help
.PHONY: help run test soak lint audit bench build libtorch

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then run the pipeline sample, which needs no data
	$(PIPE) run sample

test: build ## build, then run all tests
	$(CARGO) test --workspace

# How many cases each long test tries.
CASES ?= 500

soak: ## try to break the store for long: kills, damage, many processes; CASES=N cases a test
	@for test in planner_model killed together identity; do \
		echo "soak: $$test, $(CASES) cases"; \
		PIPE_SOAK=$(CASES) $(CARGO) test --workspace --quiet --test $$test -- --nocapture --test-threads=1 || exit 1; \
	done

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

bench: build ## time a run with nothing to do beside make -q
	benches/noop.sh

build: libtorch ## build pipe and pipe-worker into target/debug
	$(CARGO) build --workspace

libtorch: ## put libtorch into .libtorch, unless LIBTORCH is set
	@scripts/libtorch.sh

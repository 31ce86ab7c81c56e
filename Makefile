# `make repro` and `make test` are all a newcomer needs; both install what they use (uv included).
SHELL := /bin/bash
export PATH := $(CURDIR)/.uv/bin:$(PATH)
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

# One thread per process: faster on small networks, and the same digits on every machine.
export OMP_NUM_THREADS ?= 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export NO_ALBUMENTATIONS_UPDATE := 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE ?= 1
# Some containers forbid bytecode files: every stage would compile torch and Lightning again, for 15 s.
unexport PYTHONDONTWRITEBYTECODE
PYTEST_ARGS ?= -n auto --dist loadfile --timeout 600

.PHONY: repro test test-geometry test-lowest test-docs test-commands lint deps pins docs docs-version ui ablations rehearsal study study-direction crashlab crashlab-quick clean

repro: $(UV)          ## rebuild the whole pipeline (embedded default); a second call does nothing
	$(UV) run scripts/repro.sh
	@echo "next: . .venv/bin/activate && panodepth predict PATH... --model runs/da2 --out out/"

test: $(UV)           ## all tests that need no GPU
	$(UV) run pytest -m "not slow and not gpu" $(PYTEST_ARGS)

test-geometry: $(UV)  ## the geometry with torch and pytest alone
	$(UV) run --isolated --no-project --with ./packages/geometry --with pytest pytest tests/geometry -m "not slow and not gpu"

test-lowest: $(UV)    ## the packages with the oldest versions that they declare, in an environment of its own
	scripts/lowest_versions.sh

test-docs: $(UV)      ## every recipe and notebook of docs/ (minutes)
	$(UV) run pytest tests/docs

CLONE ?= .
test-commands: $(UV)  ## every line of README.md and docs/ that can run here, after `make repro` (an hour)
	$(UV) run python -m experiments.pipeline.readme_commands run --clone $(CLONE)

lint: $(UV)           ## format, style, types, import directions
	$(UV) run ruff format --check .
	$(UV) run ruff check .
	$(UV) run mypy
	$(UV) run lint-imports
	$(UV) run python -m experiments.pipeline.closure check

deps: $(UV)           ## write the code behind each stage into dvc.yaml
	$(UV) run python -m experiments.pipeline.closure write

ui: $(UV)             ## compare runs in the browser
	$(UV) run python -m experiments.tracking.ui

ablations: $(UV)      ## every ablation of the papers as a DVC experiment (small; resumes where it stopped)
	$(UV) run python -m experiments.ablations run

MINUTES ?= 60
SEED ?= 0
crashlab: $(UV)       ## accidents drawn from SEED for MINUTES; writes docs/crashlab.md
	$(UV) run python -m tests.crash --minutes $(MINUTES) --seed $(SEED) --page docs/crashlab.md

crashlab-quick: $(UV) ## five minutes of it, for CI: a case that fails is printed with the line that repeats it
	$(UV) run python -m tests.crash --minutes 5 --seed $(SEED) --quick

rehearsal: $(UV)      ## the papers' pipeline, every stage and ablation in small, in a folder of its own
	$(UV) run python -m benchmarks.rehearsal

study: $(UV)          ## test fifteen published findings (hours; resumes where it stopped), then write docs/study.md
	$(UV) run dvc repro manifest depth_anywhere_masks da2_curate check_teacher
	$(UV) run python -m experiments.study run $(STUDY_ARGS)
	$(UV) run python -m experiments.study report

study-direction: $(UV) ## ten minutes: do five of them still point where they did?
	$(UV) run python -m experiments.study direction

pins: $(UV)           ## refresh the host-free pins for pip users
	$(UV) export -q --no-emit-workspace --no-hashes --no-header --no-annotate --all-extras -o constraints.txt

docs: $(UV)           ## the documentation as a site in site/, strictly, without a network
	NO_MKDOCS_2_WARNING=1 $(UV) run --extra docs mkdocs build --strict
	@echo "next: python3 -m http.server --directory site 8000, then http://localhost:8000 (site/index.html opens too, without the search)"

VERSION ?= dev
docs-version: $(UV)   ## the same as version VERSION (and `latest`) in the branch gh-pages of this clone
	NO_MKDOCS_2_WARNING=1 $(UV) run --extra docs mike deploy --update-aliases $(VERSION) latest

clean:                ## drop everything that `make repro` made (DVC's cache stays)
	rm -rf data runs reports .runs out

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/python -m pip install -q uv

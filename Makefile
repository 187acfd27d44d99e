# Everything in a few commands: `make demo`, `make learn`, `make test`. Each prepares what it needs, inside this folder only:
# Python environments in .venv and .engines, an AiiDA home in .aiida-home. The second call starts at once.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export AIIDA_PATH := $(CURDIR)/.aiida-home
export OMP_NUM_THREADS ?= 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)

READY := .venv/.ready
ENGINES := .engines/.ready

.PHONY: help install engines demo structure diffusion mechanics learn active test lint docs bench clean

help:
	@echo 'make engines DeePMD-kit, gap_fit, Quantum ESPRESSO and a browser, which the tests and learning need (2.5 GB)'
	@echo 'make demo    a first glass: installs, checks the machine, makes, measures and shows a glass'
	@echo 'make structure  the structure of a glass from a file, beside a curve: tables, figures, a page'
	@echo 'make mechanics  a pore in a glass, its bulk modulus beside that of the dense glass, and how it breaks'
	@echo 'make diffusion  how fast the ions of a glass go, over temperatures: D, conductivity, energy of activation'
	@echo 'make learn   a first learned potential: frames, labels, a committee, dynamics with it'
	@echo 'make active  a potential that learns by itself and says when it is done'
	@echo 'make test    the tests, with the real engines'
	@echo 'make lint    style and types'
	@echo 'make docs    the documentation, in docs/_build/html'
	@echo 'make bench   what is fast, against which peer'
	@echo 'make clean   remove .venv, .aiida-home and everything built'

install: $(READY)

$(READY): pyproject.toml scripts/bootstrap.sh
	@bash scripts/bootstrap.sh engines,dev
	@touch $@

$(READY)-%: $(READY) pyproject.toml
	@bash scripts/bootstrap.sh engines,dev,$*
	@touch $@

engines: $(ENGINES)

$(ENGINES): $(READY) scripts/engines.sh
	@bash scripts/engines.sh
	@touch $@

demo: $(READY)
	@bash scripts/demo.sh

structure: $(READY)
	@echo '== the structure of a glass from a file: structure-results/glass/index.html'
	@bash examples/structure/run.sh

diffusion: $(READY)
	@bash scripts/demo.sh diffusion_sweep

mechanics: $(READY)
	@bash scripts/demo.sh mechanics

learn: $(ENGINES)
	@bash scripts/demo.sh first_potential

active: $(ENGINES)
	@bash scripts/demo.sh active_learning

test: $(ENGINES)
	@echo '== the tests, with the real engines'
	@python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(READY)
	@echo '== style and types'
	@ruff check .
	@ruff format --check .
	@mypy

docs: $(READY)-docs
	@echo '== the documentation: docs/_build/html/index.html'
	@sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: $(READY)-benchmarks
	@echo '== the benchmarks'
	@python -m benchmarks

clean:
	@if [ -d .aiida-home ] && [ -x .venv/bin/verdi ]; then verdi daemon stop --all >/dev/null 2>&1 || true; fi
	rm -rf .venv .engines .aiida-home demo-results potential-results learning-results structure-results diffusion-results mechanics-results build dist docs/_build docs/reference/_generated
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find aiida_glassion tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Two commands do everything: `make demo` shows the main job, `make test` proves it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := tools knowledge assistant tests benchmarks examples docs

.PHONY: demo test check format-check format lint types imports tests docs docs-write bench evals golden index clean

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): a few minutes the first time, since llama.cpp is compiled once for this processor."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q tools knowledge assistant
	@touch $(READY)

index: $(READY)
	$(BIN)/ftchat cards build

demo: $(READY) index
	@echo
	@echo '$$ cat examples/overfit.log | ftchat "my model got worse after epoch 3, why?"'
	@echo
	@cat examples/overfit.log | $(BIN)/ftchat "my model got worse after epoch 3, why?"

test: $(READY)
	$(MAKE) check

check: format-check lint types imports tests docs

format-check:
	$(BIN)/ruff format --check $(CODE)

format: $(READY)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lint:
	$(BIN)/ruff check $(CODE)

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

tests:
	$(BIN)/pytest tests tools knowledge assistant

docs:
	$(BIN)/python docs/check.py

docs-write: $(READY)
	$(BIN)/python docs/check.py --write

bench: $(READY) index
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/vram_table.py
	PYTHONPATH=. $(BIN)/python benchmarks/retrieval.py
	PYTHONPATH=. $(BIN)/python benchmarks/llm.py
	$(BIN)/python docs/check.py --write

evals: $(READY)
	PYTHONPATH=tests $(BIN)/python -m evals
	PYTHONPATH=tests $(BIN)/python -m evals.retrieval
	PYTHONPATH=tests $(BIN)/python -m evals.answers
	$(BIN)/python docs/check.py --write

golden: $(READY)
	PYTHONPATH=tests $(BIN)/python -m evals.golden

clean:
	rm -rf $(VENV) build *.egg-info

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test network reference damage fuzz study lint mutants bench bench-network bench-formats bench-ocel bench-deadlines clean

.venv/stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

demo: .venv/stamp
	$(BIN)/veintrace demo $(if $(GRAPH),--graph $(GRAPH))

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

network: .venv/stamp
	VEINTRACE_JOURNEYS=2000 VEINTRACE_SHUFFLES=50 $(BIN)/python -m pytest -v tests/network

reference: .venv/stamp
	$(BIN)/python -m tests.reference_table

damage: .venv/stamp
	VEINTRACE_DAMAGED=2000 $(BIN)/python -m pytest -v tests/loaders/test_damage.py

SECONDS ?= 600
FORMATS ?= csv epcis epcis-xml fhir ocel ocel-xml ocel-sqlite archive mapping mapped-csv parquet excel

# SECONDS=N is how long each of FORMATS is fuzzed
fuzz: .venv/stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	failed=0; for format in $(FORMATS); do $(BIN)/python -m tests.fuzz.run $$format --seconds $(SECONDS) || failed=1; done; exit $$failed

lint: .venv/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

mutants: .venv/stamp
	$(BIN)/python tests/mutants/run.py

bench: .venv/stamp
	$(BIN)/python -m benchmarks.run

study: .venv/stamp
	$(BIN)/python -m tests.study.run

# KEEP=DIR keeps networks and graphs for the next run
bench-network: .venv/stamp
	$(BIN)/python -m benchmarks.network $(if $(KEEP),--keep $(KEEP))

bench-formats: .venv/stamp
	$(BIN)/python -m benchmarks.formats

# PEER=PYTHON is one that has pm4py; without it an environment is made
bench-ocel: .venv/stamp
	$(BIN)/python -m benchmarks.ocel $(if $(PEER),--peer $(PEER))

bench-deadlines: .venv/stamp
	$(BIN)/python -m benchmarks.deadlines

clean:
	rm -rf .venv build *.egg-info demo

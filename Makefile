# Everything runs in .venv; PYTHON is what makes it.
PYTHON ?= python3
VENV := .venv
PREVIOUS := .venv-previous
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types imports unit docs notebooks package previous format clean

demo: $(STAMP)
	$(BIN)/splade demo

test: $(STAMP) lint types imports unit

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --group dev --editable \
		'.[edge,eval,haystack,langchain,llama-index,ray,serve,train]'
	touch $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

# A process for each core; files stay whole, so that what a module sets up is set up once. A server
# that is given has one set of collections, so its tests take turns.
unit: $(STAMP)
	$(BIN)/python -m pytest $(if $(QDRANT_URL),,-n auto --dist loadfile)

# The documentation as HTML, in build/site.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The notebooks, run again, with their outputs kept in them.
notebooks: $(STAMP)
	$(BIN)/python notebooks/execute.py

# The wheel, alone in a clean environment outside the checkout.
package: $(STAMP)
	$(BIN)/python tests/package/check_wheel.py

# The engines' contract with the oldest qdrant-client that is supported.
previous: $(STAMP)
	$(PYTHON) -m venv $(PREVIOUS)
	$(PREVIOUS)/bin/pip install --quiet --no-deps 'qdrant-client==1.19.*'
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$($(PREVIOUS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	$(PREVIOUS)/bin/python -m pytest -q tests/contracts tests/unit/qdrant tests/integration/test_upgrade.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(PREVIOUS) dist build

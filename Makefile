# make demo, make test: nothing else is needed on a machine with python3, pip, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := pyproject.toml scripts/setup.sh
ARGS ?=
# Tests of different files at once, one for each core and at most four; TOGETHER= takes them one by one.
TOGETHER ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: causes clones dashboards detection displacement integrity residuals demo test check bench golden fuzz soak faults simulate-check screens quality crash peers lock install rollback deb clean

demo: $(VENV)/runtime.stamp
	$(BIN)/hncors demo $(ARGS)

test: $(VENV)/dev.stamp
	@scripts/peers.sh || true
	$(BIN)/python -m pytest $(TOGETHER) $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

bench: $(VENV)/dev.stamp
	$(BIN)/python bench/all.py $(ARGS)

# Run the tests named after faults and write docs/faults.md from what came of them.
faults: $(VENV)/dev.stamp
	$(BIN)/python scripts/faults_table.py

# Accept what the program says today as what it has to say; read the difference before committing it.
golden: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q --accept-golden
	git diff --stat -- tests

fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzzing --frames 2000000 $(ARGS)

# A million epochs without faults and ten thousand with: writes the tables of docs/integrity.md.
integrity: $(VENV)/dev.stamp
	$(BIN)/python scripts/integrity_table.py $(ARGS)

# Real ranges at known places against the model's sigmas: writes docs/residuals.md; ARGS="FOLDER of recordings".
residuals: $(VENV)/dev.stamp
	$(BIN)/python scripts/residuals_table.py --write $(ARGS)

# Simulated provinces with each kind of fault: what is named, when, and what is inhibited, in docs/integrity.md.
# Half an hour.
causes: $(VENV)/dev.stamp
	$(BIN)/python scripts/causes_table.py $(ARGS)

# Every rule of evidence on labelled provinces: writes docs/detection.md. Some minutes;
# ARGS="--thirty-days" plays a month of a network in order, most of an hour.
detection: $(VENV)/dev.stamp
	$(BIN)/python scripts/detection_table.py $(ARGS)

# Antennas that move and places that are wrong: writes the tables of docs/coordinates.md. Minutes.
displacement: $(VENV)/dev.stamp
	$(BIN)/python scripts/displacement_table.py $(ARGS)

# Copies in disguise, antennas side by side: writes docs/detection-clones.md. ARGS="--recordings FOLDER"; minutes.
clones: $(VENV)/dev.stamp
	$(BIN)/python scripts/clones_table.py $(ARGS)

# The dashboards for Grafana, from scripts/dashboard_tables.py.
dashboards: $(VENV)/dev.stamp
	$(BIN)/python scripts/dashboards.py

# The demo's pages in a real browser, after twenty minutes: the pictures of docs/screens.
screens: $(VENV)/dev.stamp
	$(BIN)/python scripts/screens.py $(ARGS)

# Links and network under random faults, held against their plan; make soak ARGS="--hours 2 --seed 7 --real".
soak: $(VENV)/dev.stamp
	$(BIN)/python tests/soak.py $(ARGS)

# An hour of the calm scenario, every station, against RTKLIB: some minutes.
simulate-check: $(VENV)/dev.stamp
	$(BIN)/hncors simulate configs/scenarios/calm.toml --out build/calm
	$(BIN)/python tests/simulated.py build/calm

# How many slips and jammings of known truth are found; writes the tables of docs/quality.md. Some minutes.
quality: $(VENV)/dev.stamp
	$(BIN)/python scripts/quality_table.py --write

# A recording daemon, killed at 200 random moments, and a ledger at 1,000; its log cut off at every byte. Minutes.
crash: $(VENV)/dev.stamp
	HNCORS_KILLS=200 $(BIN)/python -m pytest -q -s tests/test_crash.py $(ARGS)
	HNCORS_LEDGER_KILLS=1000 HNCORS_LEDGER_CUT_EVERY=1 $(BIN)/python -m pytest -q -s tests/test_ledger_crash.py

peers:
	scripts/peers.sh

$(VENV)/runtime.stamp: requirements.txt $(SETUP)
	PYTHON=$(PYTHON) scripts/setup.sh requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(SETUP)
	PYTHON=$(PYTHON) scripts/setup.sh requirements-dev.txt
	touch $@ $(VENV)/runtime.stamp

# On the oldest Python supported, so that every pinned version still installs there.
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(VENV)-lock/bin/pip-compile --quiet --strip-extras --allow-unsafe \
	--generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --build-deps-for editable
lock:
	python3.11 -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet pip-tools
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	rm -rf $(VENV)-lock

# DESTDIR, PREFIX, SYSCONFDIR, LIBDIR, BINDIR, DATADIR, SERIAL: see the script, and docs/operations.md.
install:
	scripts/install.sh

# Back to the program that was there before the last install.
rollback:
	scripts/install.sh --back

# A package for this release of Debian: dist/hncors_VERSION_ARCHITECTURE.deb
deb:
	scripts/deb.sh

clean:
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

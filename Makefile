# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UNIT := tests/test_house.py tests/inventory tests/drivers tests/orchestrator tests/cli

.PHONY: demo test check long journey-rack journey-network journey-handoff bench lock packages clean

demo: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" sh inventory/examples/demo/run.sh

test: $(READY) packages
	@PATH="$(abspath $(BIN)):$$PATH" .ci/check
	@PATH="$(abspath $(BIN)):$$PATH" .ci/wheel
	@$(BIN)/pytest -q -m "not qemu and not long" -n 4 --dist loadfile
	@$(BIN)/pytest -q -m "qemu and not long"

check: $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" .ci/check
	@$(BIN)/pytest -q -m "not qemu and not slow" -n 2 --dist loadfile $(UNIT)

long: $(READY) packages
	@$(BIN)/pytest -q -m long

journey-rack: $(READY) packages
	@$(BIN)/pytest -q -m qemu tests/journeys/test_qemu_rack.py

journey-network: $(READY) packages
	@$(BIN)/pytest -q -m qemu tests/journeys/test_qemu_network.py tests/journeys/test_qemu_nos.py

bench: $(READY)
	@for one in benchmarks/*.py; do $(BIN)/python -P "$$one" || exit 1; done

journey-handoff: $(READY) packages
	@$(BIN)/pytest -q -m qemu tests/journeys/test_qemu_rack.py -k tenant

# Debian packages, where we may install them; elsewhere what needs them skips with a reason.
packages:
	@.ci/packages

lock: $(READY)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --custom-compile-command "make lock" -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || python3 -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) .anneal build dist

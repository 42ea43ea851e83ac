# Guichet: what a person does with it. `make` alone says what there is.

PY = .venv/bin/python

.PHONY: help run test test-long check bench screenshots mail-gallery lighthouse messages sabotage clean

help: ## say what there is to do
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

run: ## set everything up and serve the portal, with a demo world, on http://127.0.0.1:8000
	@PYTHON="$(PYTHON)" sh tools/venv.sh run
	@GUICHET_DEMO=$${GUICHET_DEMO:-1} exec $(PY) -m flask --app app serve

test: ## run the tests, in a real browser too (ARGS="-k word" picks some)
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/ensure_browser.py
	@$(PY) -m pytest -n auto --dist worksteal $(ARGS)

test-long: ## run every test, at full numbers and on both databases
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/ensure_browser.py
	@$(PY) tools/ensure_vnu.py
	@$(PY) tools/ensure_scanners.py
	@$(PY) -m pytest -n auto --dist worksteal -m "" --engine both $(ARGS)

check: ## look at the code without running it: lint, layout, security, types, French
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/check.py

bench: ## measure pages with 1,000, 100,000 and 1,000,000 tickets beside the floor (ARGS="--tickets 1000" for less)
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/bench.py $(ARGS)

screenshots: ## take pictures of the main pages into docs/pictures
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/ensure_browser.py
	@$(PY) tools/screenshots.py $(ARGS)

mail-gallery: ## show every mail, in both languages, light and dark, wide and narrow, in build/mails
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/ensure_browser.py
	@$(PY) tools/mail_gallery.py $(ARGS)

lighthouse: ## measure the main pages on Lighthouse's phone into docs/lighthouse.md (ARGS="home" for one)
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/ensure_browser.py
	@$(PY) tools/lighthouse.py $(ARGS)

messages: ## say what is still to be translated into French
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/messages.py extract

sabotage: ## plant faults one at a time, and say whether the tests notice them
	@PYTHON="$(PYTHON)" sh tools/venv.sh dev
	@$(PY) tools/sabotage.py $(ARGS)

clean: ## remove the virtual environment and caches; data in var/ stays
	rm -rf .venv build test-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

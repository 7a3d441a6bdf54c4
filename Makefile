# Every target does the setup it needs; setup that is done costs a tenth of a second.
# PYTHON only has to be able to run the setup, which looks for a Python of the course itself:
# `make setup COURSE_PYTHON=3.12` chooses one.
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && echo $$p && break; done)
LECTURES = $(wildcard lectures/*.ipynb)
NOTEBOOKS = $(LECTURES) $(wildcard solutions/*/*.ipynb)
# what cannot run where the setup has left Gluon out
WITHOUT_GLUON = $(shell test -e .venv-gluon/bin/python || grep -l '"name": "gluon"' $(NOTEBOOKS))
FRAMEWORKS = torch keras
# one group of tests at a time on each core, two at most: some of them grade with every core
WORKERS = 2
# nbgrader looks for its tools (alembic) on PATH
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# threads that wait must not keep a core busy (as in the kernels, see requirements/install.py)
export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.PHONY: help whole setup setup-student sandbox grade attacks mutants test test-all test-fast coverage test-python check glove lectures claims gpu calibrate exercises anywhere lock site lint clean python

help:  ## print this list
	@sed -n $(if $(wildcard solutions),,-e '/: whole/d') -e 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-22s%s\n", $$1, $$2}'

# for what a student's copy cannot do
whole:
	@test -d solutions || { echo "make $(MAKECMDGOALS) needs the solutions, which a student's copy does not have: make lists what it can do." >&2; exit 1; }

grade: whole setup  ## grade the sample class: score table, grades.csv and HTML feedback
	python -m autograder grade-class cnn_lstm

attacks: whole sandbox setup  ## run the attackers: stock nbgrader, sandbox only, ours
	python -m autograder attacks

mutants: whole setup  ## make small mistakes in every solution: do the tests notice them?
	python -m autograder mutants $(notdir $(wildcard solutions/*))

test: whole setup .venv-site/made  ## run the tests, and every notebook
	pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=40 $(RERUNS:%=--reruns % -raR)
	pytest --numprocesses $(WORKERS) --dist loadfile --nbval-lax solutions $(WITHOUT_GLUON:%=--ignore=%)
	$(if $(LECTURES),COURSE_QUICK=1 pytest --numprocesses $(WORKERS) --dist loadfile --nbval lectures $(WITHOUT_GLUON:%=--ignore=%))
	@test -z "$(WITHOUT_GLUON)" || echo "Not run, because Gluon is not here: $(WITHOUT_GLUON)"

test-all: export COURSE_TESTS := all
test-all: whole test test-python  ## the same, but every attacker and every student of the classes, not some

test-fast: whole setup  ## run the tests that take seconds: no training, no class, no browser
	pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

coverage: whole setup  ## which lines the tests of test-fast run (without kernels and graders)
	pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow" --cov --cov-report term

test-python: whole setup  ## run the tests that need no framework in each other Python that is here
	python requirements/other_pythons.py

check: python  ## say what is installed and how to get what is not
	@$(PYTHON) requirements/check.py

setup: python  ## install both environments and their kernels (all other targets do it too)
	@$(PYTHON) requirements/install.py

setup-student: python  ## install Jupyter and what students need: FRAMEWORKS="torch keras", torch, keras or none
	@$(PYTHON) requirements/install.py --student $(FRAMEWORKS)

sandbox: python  ## say whether notebooks of strangers can be graded safely here
	@$(PYTHON) requirements/check.py sandbox

glove: setup  ## fetch the GloVe word vectors
	python -m data fetch glove

lectures: whole setup  ## run every lecture in full, keep the outputs, compare the results
	python benchmarks/lectures.py

claims: whole setup  ## do the lectures' sentences hold for every seed on file?
	python benchmarks/claims.py

gpu: whole  ## on a machine with an NVIDIA GPU and PyTorch: grade, train and time (8 minutes, no network)
	$(PYTHON) benchmarks/gpu.py $(if $(DEVICE),--device $(DEVICE)) $(if $(QUICK),--quick)

calibrate: whole setup  ## measure the accuracy thresholds anew (ten seeds)
	python -m autograder calibrate cnn_lstm --corpus longmemory

exercises: whole setup  ## make exercises/ from solutions/
	python -m autograder release $(notdir $(wildcard solutions/*))

anywhere: whole setup  ## write each notebook's first cell, and the links that start them, anew
	python requirements/anywhere.py
	$(MAKE) exercises

lock: whole setup  ## write requirements/*.txt anew from requirements/*.in
	python requirements/lock.py

site: whole .venv-site/made  ## make the site for reading in a browser: _site/html/index.html
	.venv-site/bin/sphinx-build --quiet --fresh-env --fail-on-warning --jobs auto \
		-c docs -d _site/doctrees . _site/html

.venv-site/made: requirements/site.txt | python
	rm -rf .venv-site
	if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) .venv-site && uv pip install --quiet --python .venv-site -r $<; \
	else $(PYTHON) -m venv .venv-site && .venv-site/bin/pip install --quiet -r $<; fi
	touch $@

lint: whole setup  ## check code, spelling and notebooks as pre-commit does
	ruff check
	ruff format --check
	typos
	mypy
	$(if $(NOTEBOOKS),python -m autograder.quality.normalize --check $(NOTEBOOKS))

clean:  ## remove the environments and caches; submissions and grades stay
	rm -rf .venv .venv-gluon .venv-site .venvs _site build .setup.lock *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(if $(PYTHON),:,echo "The course needs Python 3.11, 3.12 or 3.13 and found none: install one with \`apt-get install python3 python3-venv\`, \`brew install python@3.13\` or conda (environment.yml)." >&2; exit 1)

# Two targets do everything on a fresh machine: `make run` and `make test`.
# Each sets up what it needs in .venv first; PYTHON chooses the interpreter (3.11 to 3.13).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Of the bundled model: how many people are drawn, which share of them not from the front, in how many
# processes, and how it is trained.
PEOPLE ?= 19000
AROUND ?= 0.35
PROCESSES ?= 2
WARMUP ?= --compile --precision bfloat16
SHARPEN ?=
DEMO := runs/demo

.PHONY: run test lint format demo demo-gpu ict-is-given clean

run: $(VENV)/.run
	$(BIN)/python visualizer.py $(ARGS)

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Makes the bundled model again, from ICT-FaceKit alone: hours on a processor, and goes on where it
# was stopped. ARGS go to the warm-up.
demo: ict-is-given $(VENV)/.dev
	$(BIN)/python -m training.synthetic $(DEMO)/heads --model "$(ICT)" --people $(PEOPLE) \
		--clips-per-person 1 --frames 2 --still --shared-cameras --seed 1 --around $(AROUND) \
		--processes $(PROCESSES)
	$(BIN)/python -m training.synthetic $(DEMO)/held_out --model "$(ICT)" --people 48 \
		--clips-per-person 1 --frames 3 --still --shared-cameras --seed 2 --around $(AROUND) \
		--landmarks
	$(BIN)/python -m training.warmup --data $(DEMO)/heads --out $(DEMO)/run --resume $(WARMUP) $(ARGS)
	$(BIN)/python -m training.warmup.sharpen --data $(DEMO)/heads --out $(DEMO)/sharp --resume \
		--start-from $(DEMO)/run/generator.safetensors $(SHARPEN)
	$(BIN)/python -m training.warmup.held_out $(DEMO)/sharp --data $(DEMO)/held_out --device auto
	$(BIN)/python -m training.checkpoint $(DEMO)/sharp/generator.safetensors $(DEMO)/demo.safetensors \
		--half --overwrite
	$(BIN)/python -m training.warmup.name_directions $(DEMO)/demo.safetensors --model "$(ICT)"

# The same on a CUDA machine, whose driver also draws the people (EGL): fewer of them, larger batches.
demo-gpu: PEOPLE = 8000
demo-gpu: PROCESSES = 12
demo-gpu: WARMUP = --device cuda --precision bfloat16 --compile --batch 16 --workers 6 \
	--teach 2500 --updates 6000 --superresolution-updates 3000
demo-gpu: SHARPEN = --device cuda --precision bfloat16 --compile --batch 8 --updates 5000
demo-gpu: demo

ict-is-given:
	@test -e "$(ICT)" || { echo "Say where ICT-FaceKit is: make demo ICT=PATH/TO/ICT-FaceKit"; exit 1; }

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit('Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: make PYTHON=python3.12 ...' % v)"
	$(PYTHON) -m venv $(VENV)

# The first picture on a machine measures it and compiles kernels: 10 seconds that the first start in
# the window, whose previews are coarse meanwhile, need not spend.
$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet -c constraints.txt -e .
	-$(BIN)/python visualizer.py render --output $(VENV)/first.png --overwrite > /dev/null
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/.run

.PHONY: help lab lab-down test lint bench docs

help:
	@echo 'make lab       boot three diskless machines here'
	@echo 'make lab-down  remove them, and all that belongs to them'
	@echo 'make test      run every test'
	@echo 'make lint      check style and documentation'
	@echo 'make bench     measure what a run costs'
	@echo 'make docs      write the reference'

lab:
	@tools/bootstrap
	@.venv/bin/python tools/lab up

lab-down:
	@tools/bootstrap
	@.venv/bin/python tools/lab down

test lint bench docs:
	@tools/bootstrap
	@tools/$@

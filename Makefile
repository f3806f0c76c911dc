.PHONY: help lab lab-down test test-boot-all lint bench docs

help:
	@echo 'make lab            boot three diskless machines here, each by another path'
	@echo 'make lab-down       remove them, and all that belongs to them'
	@echo 'make test           run every test'
	@echo 'make test-boot-all  boot machines by every path: firmwares, loaders, Secure Boot'
	@echo 'make lint           check style and documentation'
	@echo 'make bench          measure what a run costs'
	@echo 'make docs           write the reference'

lab:
	@tools/bootstrap
	@.venv/bin/python tools/lab up

lab-down:
	@tools/bootstrap
	@.venv/bin/python tools/lab down

test lint bench docs:
	@tools/bootstrap
	@tools/$@

test-boot-all:
	@tools/bootstrap
	@tools/test boot-all

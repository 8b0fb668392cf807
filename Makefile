# The short way in. Everything here also works with CMake alone: cmake --preset release && cmake --build --preset release.

ARGS ?= --dataset shapes --mix cutmix --loss dm --epochs 4 --batch-size 32 --lr 0.05 --nesterov --weight-decay 5e-4 \
  --shapes-train 5000 --shapes-test 1000

.PHONY: setup build train test bench check-long clean

setup:
	@third_party/install.sh

build: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release

# Trains on the built-in pictures, or on whatever ARGS says.
train: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target train_cifar
	build/apps/train_cifar $(ARGS)

# Every test, and all but the training runs again under the address and undefined-behaviour sanitizers.
test: build
	ctest --preset release -j2
	@cmake --preset sanitize >/dev/null
	@cmake --build --preset sanitize
	ctest --preset sanitize -j2

# Side by side with PyTorch and oneDNN, where they are installed; PEERS="--python FILE" names interpreters with PyTorch.
bench: build
	tests/bench/compare.py $(PEERS) --write docs/performance.md

# What takes longer: the other compiler, the thread sanitizer, how much better a small network is than a linear one, and
# a training that is killed a hundred times, and one in which each write fails.
check-long: test
	@third_party/install.sh clang
	@cmake --preset clang >/dev/null
	@cmake --build --preset clang
	ctest --preset clang
	@cmake --preset races >/dev/null
	@cmake --build --preset races --target demix_tests
	ctest --preset races
	tests/long/learning.sh
	tests/long/kills.sh
	tests/long/failing_writes.sh

clean:
	rm -rf build build-sanitize build-races build-clang

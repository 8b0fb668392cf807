#!/usr/bin/env bash
# Lets every call fail that writes to a run's folder, of a run that starts, one that goes on, and one that is done, each in
# four ways; the normal tests do this for some calls.
set -euo pipefail
cd "$(dirname "$0")/../.."
FAILING_WRITES_EVERY=1 build/tests/app_tests --test-case='*failing write*'

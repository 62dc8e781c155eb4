#!/usr/bin/env bash
# Every check of the repository, cheapest first; stops at the first that fails.
# Needs Rust and a C compiler; Python 3.11 too once there are client tests in tests/sdk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

say 'format'
cargo fmt --check

say 'licences, bans, sources'
if command -v cargo-deny >/dev/null; then
    cargo deny check licenses bans sources
else
    echo 'cargo-deny is not installed: NOT CHECKED'
fi

say 'clippy'
cargo clippy --all-targets --locked -- -D warnings

say 'documentation tests'
cargo test --doc --locked

say 'stores for tests'
tests/stores.sh

if [[ -d tests/sdk ]]; then
    say 'the real Python clients'
    cargo build --locked --bins --examples
    tests/python_env.sh
fi

# Last, so that its summary is the closing line.
say 'tests'
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked
else
    cargo test --all-targets --locked
fi

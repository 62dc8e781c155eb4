#!/usr/bin/env bash
# What the tests of storage connectors talk to and Cargo does not bring: Azurite, Microsoft's own server of Azure Blob for
# tests, from npm. The S3 server is a crate, and the double of GCS is a file beside this one that needs Python and openssl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

azurite=target/stores/azurite
wanted=3.37.0
have=$(node -p "require('./$azurite/node_modules/azurite/package.json').version" 2>/dev/null || true)
if [[ $have == "$wanted" ]]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo 'npm is not installed: tests against Azure will fail' >&2
    exit 0
fi
mkdir -p "$azurite"
npm install --prefix "$azurite" --no-audit --no-fund --ignore-scripts "azurite@$wanted"

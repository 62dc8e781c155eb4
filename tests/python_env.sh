#!/usr/bin/env bash
# One Python environment per supported client version, under target/python, and tests/sdk run in each.
#   tests/python_env.sh                    all versions
#   tests/python_env.sh 0.31.0 [PYTEST…]   one version, with arguments for pytest
#   tests/python_env.sh --prepare 0.31.0   only make the environment
# The server is target/debug/weighhouse, or the one that WEIGHHOUSE_BINARY names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

versions=(0.31.0 0.22.3 0.19.11 0.17.9)
python=${PYTHON:-python3}
prepare_only=false

# Makes the environment of a version, unless an earlier run finished making it with the same packages.
prepare() {
    local version=$1 home=target/python/$1
    # setuptools below 81: the oldest client still imports pkg_resources. The last line is for media and references;
    # pillow below 11.3: newer ones refuse the masks that the oldest client writes.
    local packages=("wandb==$version" pytest pytest-xdist graphql-core 'setuptools<81')
    packages+=('numpy>=1.26,<3' 'pillow>=10,<11.3' 'plotly>=5' 'soundfile>=0.12' 'boto3>=1.34')
    [[ -e $home/complete && $(<"$home/complete") == "${packages[*]}" ]] && return
    [[ -e $home/complete ]] || rm -rf "$home"
    "$python" -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    printf '%s' "${packages[*]}" >"$home/complete"
}

if [[ ${1:-} == --prepare ]]; then
    prepare_only=true
    shift
fi
if (($# > 0)); then
    versions=("$1")
    shift
fi

failed=()
for version in "${versions[@]}"; do
    printf '\n-- wandb %s\n' "$version"
    prepare "$version"
    $prepare_only && continue
    # Most of the time is waiting, so several files run at once, each group with a server of its own.
    "target/python/$version/bin/python" -m pytest -q -rs -n 4 --dist loadfile tests/sdk "$@" || failed+=("$version")
done
if ((${#failed[@]} > 0)); then
    printf '\nfailed with wandb %s\n' "${failed[*]}"
    exit 1
fi

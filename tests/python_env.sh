#!/usr/bin/env bash
# One Python environment per supported client version, under target/python, and tests/sdk run in each.
#   tests/python_env.sh                    all versions, and the integrations with training libraries
#   tests/python_env.sh 0.31.0 [PYTEST…]   one version, with arguments for pytest
#   tests/python_env.sh training           only the integrations: scikit-learn, XGBoost, PyTorch
#   tests/python_env.sh mail               no client, but a mail server: tests/mail
#   tests/python_env.sh --prepare 0.31.0   only make the environment
# The server is target/debug/weighhouse, or the one that WEIGHHOUSE_BINARY names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

newest=0.31.0
versions=("$newest" 0.22.3 0.19.11 0.17.9 training mail)
python=${PYTHON:-python3}
prepare_only=false

# Makes an environment with these packages, unless an earlier run finished making it with the same ones.
make_environment() {
    local home=target/python/$1 python=$2
    shift 2
    [[ -e $home/complete && $(<"$home/complete") == "$*" ]] && return
    rm -rf "$home"
    # What is left of the arguments are packages, but for options of venv in front of them.
    local options=()
    while [[ ${1:-} == --* ]]; do
        options+=("$1")
        shift
    done
    "$python" -m venv "${options[@]}" "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "$@"
    printf '%s' "${options[*]:+${options[*]} }$*" >"$home/complete"
}

prepare() {
    if [[ $1 == mail ]]; then
        make_environment mail "$python" pytest 'aiosmtpd>=1.4' 'trustme>=1.1'
        return
    fi
    local tools=(pytest pytest-xdist graphql-core)
    if [[ $1 == training ]]; then
        # numpy below 2: Debian's PyTorch was built with 1. The CPU build of XGBoost is the same without 300 MB of CUDA.
        tools+=("wandb==$newest" 'numpy>=1.24,<2' 'scikit-learn>=1.3' 'pandas>=2' 'xgboost-cpu>=2' 'tensorboard>=2.14')
        if /usr/bin/python3 -c 'import torch, ensurepip' 2>/dev/null; then
            make_environment training /usr/bin/python3 --system-site-packages "${tools[@]}"
        else
            echo 'the packages python3-torch and python3-venv are not installed: PyTorch is NOT TESTED'
            make_environment training "$python" "${tools[@]}"
        fi
        return
    fi
    # setuptools below 81: the oldest client still imports pkg_resources. The last line is for media and references;
    # pillow below 11.3: newer ones refuse the masks that the oldest client writes.
    tools+=("wandb==$1" 'setuptools<81')
    tools+=('numpy>=1.26,<3' 'pillow>=10,<11.3' 'plotly>=5' 'soundfile>=0.12' 'boto3>=1.34')
    make_environment "$1" "$python" "${tools[@]}"
}

if [[ ${1:-} == --prepare ]]; then
    prepare_only=true
    shift
fi
if (($# > 0)); then
    versions=("$1")
    shift
fi

# Much of the time of a version is waiting, so several files run at once, each group with a server of its own.
workers=4
((${#versions[@]} > 1)) && workers=3
run_tests() {
    local version=$1 tests=tests/sdk
    shift
    [[ $version == training ]] && tests=tests/sdk/test_integrations.py
    if [[ $version == mail ]]; then
        target/python/mail/bin/python -m pytest -q tests/mail "$@"
    else
        "target/python/$version/bin/python" -m pytest -q -rs -n "$workers" --dist loadfile "$tests" "$@"
    fi
}

for version in "${versions[@]}"; do
    prepare "$version"
done
$prepare_only && exit

# The versions run at once too: one waits while another computes, and the last files of one leave no processor idle.
logs=$(mktemp -d)
declare -A running=()
# Each is a group of processes, which is interrupted as from a terminal, so that it stops its servers.
set -m
trap 'for group in "${running[@]}"; do kill -INT -- "-$group" 2>/dev/null || true; done; wait; rm -rf "$logs"' EXIT
for version in "${versions[@]}"; do
    run_tests "$version" "$@" >"$logs/$version" 2>&1 &
    running[$version]=$!
done
failed=()
for version in "${versions[@]}"; do
    printf '\n-- %s\n' "$version"
    # What is there already, and the rest as it comes.
    tail -f -n +1 --pid="${running[$version]}" "$logs/$version"
    wait "${running[$version]}" || failed+=("$version")
    unset "running[$version]"
done
if ((${#failed[@]} > 0)); then
    printf '\nfailed: %s\n' "${failed[*]}"
    exit 1
fi

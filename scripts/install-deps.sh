#!/usr/bin/env bash
# Installs the Debian 12 packages that sparlet is built with; does nothing (and needs no network) when
# they are all there. Run as root, or as a user who may use sudo.
#   install-deps.sh                  everything
#   install-deps.sh --core           the library alone: what an embedded Linux host needs
#   install-deps.sh --core --tests   the same, and doctest
set -euo pipefail

# cmake: meson finds SQLiteCpp and CLI11 by their CMake files.
build=(g++ meson ninja-build pkg-config cmake ccache python3)
core=(libeigen3-dev libnlopt-dev libnlopt-cxx-dev libtomlplusplus-dev libfmt-dev nlohmann-json3-dev
  zlib1g-dev libsqlitecpp-dev libsqlite3-dev)
features=(libdnnl-dev libopenblas-dev libcli11-dev libbenchmark-dev)
tests=(doctest-dev)

wanted=("${build[@]}" "${core[@]}" "${features[@]}" "${tests[@]}")
for flag in "$@"; do
  case $flag in
    --core) wanted=("${build[@]}" "${core[@]}") ;;
    --tests) wanted+=("${tests[@]}") ;;
    *) echo "install-deps.sh: no option '$flag', there are --core and --tests" >&2; exit 1 ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == "install ok installed" ]] ||
    missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "install-deps.sh: run as root, or install sudo" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"

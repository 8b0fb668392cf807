#!/usr/bin/env bash
# Installs the Debian packages that demix is built from. Says what is missing and installs it; says nothing more when all
# is there. Further packages can be named: `install.sh clang`.
set -euo pipefail

packages=(
  g++ make cmake ninja-build   # compiler and build
  libeigen3-dev                # matrix products
  libcli11-dev                 # command lines
  nlohmann-json3-dev           # JSON of the programs' output and of weight files
  libstb-dev                   # a bitmap font; PNG and JPEG writing in tests
  libturbojpeg0-dev            # JPEG reading
  libspng-dev                  # PNG reading and writing
  libmatio-dev                 # MATLAB files, which annotate Stanford-Cars
  libcurl4-openssl-dev         # downloads
  libarchive-dev               # unpacking .tar.gz and .zip
  libssl-dev                   # checksums
  libyaml-cpp-dev              # args.yaml
  doctest-dev                  # tests
  "$@"
)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; }
{ "${as_root[@]}" apt-get update && install; } >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }

#!/usr/bin/env bash
# Installs the Debian 12 packages that building, running and testing p2pd need. Safe to repeat: what is there already is
# left alone, and when nothing is missing neither apt-get nor root is used.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: deploy/setup.sh [--runtime | --voice] [--list]
  --runtime  only what running needs (the shared libraries of p2pd and p2pctl)
  --voice    also what tests/voice measures p2pd beside (a JACK server)
  --list     print the packages, one a line, and install nothing
EOF
}

# The shared libraries that the installed programs load; held to the truth by deploy/check-bare.sh.
runtime=(
  ca-certificates
  libabsl20220623 libcurl4 libexpat1 libfmt9 libgrpc++1.51 libgrpc29 libopus0 libprotobuf32 libsamplerate0 libsndfile1 libspdlog1.10 libspeexdsp1
  libsqlite3-0 libssl3 libtorrent-rasterbar2.0 libutf8proc2
)

build=(
  build-essential ccache cmake git mold ninja-build pkg-config
  libabsl-dev libboost-dev libcli11-dev libcurl4-openssl-dev libexpat1-dev libfmt-dev libgrpc++-dev libopus-dev libprotobuf-dev libsamplerate0-dev
  libsndfile1-dev libspdlog-dev libspeexdsp-dev libsqlite3-dev libssl-dev libtomlplusplus-dev libtorrent-rasterbar-dev libutf8proc-dev
  protobuf-compiler protobuf-compiler-grpc
)

# clang-19 builds the simulator a second time and the fuzz targets; gnuplot draws its plots; libsrtp2 is an oracle for
# our SRTP; baresip-core and dhtnode are the references of the benchmarks; chromium looks at the catalogue's pages;
# pocketsphinx-testdata and alsa-utils hold recorded speech; opus-tools decodes what was recorded.
testing=(
  clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev lld-19 llvm-19
  libbenchmark-dev libgmock-dev libgtest-dev libsrtp2-dev
  alsa-utils aria2 baresip-core chromium dhtnode gnuplot-nox iproute2 nftables nghttp2-client openssl opentracker opus-tools pocketsphinx-testdata procps python3 qbittorrent-nox sqlite3 systemd transmission-cli transmission-daemon
)

# The sound card of baresip, which with Chromium is the peer on the measuring rig of tests/voice.
voice=(jackd2 libjack-jackd2-dev)

fail() {
  echo "deploy/setup.sh: $*" >&2
  exit 1
}

wanted=("${runtime[@]}" "${build[@]}" "${testing[@]}")
list_only=no
for argument in "$@"; do
  case "$argument" in
    --runtime) wanted=("${runtime[@]}") ;;
    --voice) wanted+=("${voice[@]}") ;;
    --list) list_only=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
done

# buf, from npm, reads the proto files as a second pair of eyes. A Node.js from elsewhere will do.
if [[ " ${wanted[*]} " == *" build-essential "* ]] && ! command -v npm >/dev/null; then
  wanted+=(nodejs npm)
fi

if [[ $list_only == yes ]]; then
  printf '%s\n' "${wanted[@]}" | sort -u
  exit 0
fi

{ command -v dpkg-query && command -v apt-get; } >/dev/null ||
  fail "this is not Debian: neither dpkg-query nor apt-get is here. p2pd is built and tested on Debian 12 (bookworm)."

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "setup: all ${#wanted[@]} packages are there already"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    fail "${#missing[@]} packages are missing and only root can install them: run this as root, or install sudo."
  as_root=(sudo)
fi
install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")

echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q ||
  fail "apt-get update failed: is the network there, and does /etc/apt name a Debian 12 mirror?"
if [[ " ${missing[*]} " == *" dhtnode "* && -d /run/systemd/system ]]; then
  # Its package would start a public DHT node; here it is a program that a benchmark runs by hand.
  "${as_root[@]}" systemctl mask dhtnode.service
fi
"${as_root[@]}" "${install[@]}" ||
  fail "apt-get install failed, see above. The packages are those of Debian 12 (bookworm), section main."
echo "setup: done"

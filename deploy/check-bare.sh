#!/usr/bin/env bash
# Proves that a Debian 12 with nothing installed is enough: makes one with debootstrap, clones this repository into it at
# HEAD and runs a command there, by default deploy/test.sh. Needs root and debootstrap (apt-get install debootstrap).
set -euo pipefail

usage() {
  cat <<'EOF'
usage: deploy/check-bare.sh [--keep DIR] [COMMAND...]
  --keep DIR  use and keep DIR as the bare system (made there when it is empty); default: a temporary folder
  COMMAND     what to run in the clone; default: deploy/test.sh
  MIRROR, SECURITY_MIRROR in the environment name the mirrors; default: those of this system's /etc/apt
EOF
}

fail() {
  echo "deploy/check-bare.sh: $*" >&2
  exit 1
}

root=
while (($#)); do
  case "$1" in
    --keep)
      (($# >= 2)) || fail "--keep needs a folder"
      root=$2
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) break ;;
  esac
done
command=("$@")
((${#command[@]})) || command=(deploy/test.sh)

((EUID == 0)) || fail "chroot and debootstrap need root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The first mirror of /etc/apt whose address matches, from either format of sources.
mirror_of() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -vE '^\s*#' | grep -oE 'https?://[^ ]+' | grep -E "$1" | head -n 1
}
mirror=${MIRROR:-$(mirror_of '/debian/?$' || true)}
security=${SECURITY_MIRROR:-$(mirror_of '/debian-security/?$' || true)}
mirror=${mirror:-http://deb.debian.org/debian}
security=${security:-http://deb.debian.org/debian-security}

if [[ -z $root ]]; then
  root=$(mktemp -d -t p2pd-bare-XXXXXX)
  # The mounts live in a namespace of their own and are gone when this runs.
  trap 'rm -rf --one-file-system "$root"' EXIT
fi
mkdir -p "$root"
if [[ ! -e $root/etc/debian_version ]]; then
  echo "check-bare: debootstrap bookworm from $mirror into $root"
  log=$(mktemp -t p2pd-debootstrap-XXXXXX)
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$log" 2>&1 || fail "debootstrap failed, see $log"
  rm -f "$log"
fi
cat >"$root/etc/apt/sources.list" <<EOF
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb $security bookworm-security main
EOF
# How this system reaches its mirrors is how the bare one does: resolver, proxy, its certificate authorities.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
grep -hisE '^\s*Acquire::https?::Proxy' /etc/apt/apt.conf /etc/apt/apt.conf.d/* >"$root/etc/apt/apt.conf.d/90mirror" || true
if [[ -d /usr/local/share/ca-certificates ]]; then
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp -rL /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
fi

rm -rf "$root/src"
git clone --quiet --no-hardlinks "$repository" "$root/src"
echo "check-bare: $(git -C "$repository" rev-parse --short HEAD) in $root: ${command[*]}"

# A PID and mount namespace: whatever the command starts and mounts ends with it.
# shellcheck disable=SC2016  # the inner shell expands these
unshare --mount --pid --fork --kill-child bash -euc '
  root=$1
  shift
  # A mount point, as / is one everywhere: tests make namespaces inside.
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev/shm"
  mount --bind /dev/null "$root/dev/null"
  exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    bash -c "cd /src && exec \"\$@\"" bash "$@"
' bash "$root" "${command[@]}"

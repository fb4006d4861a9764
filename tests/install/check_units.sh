#!/usr/bin/env bash
# Reads the installed units with systemd's own tools: `verify` must print nothing (it exits 0 even on an unknown key), and
# the service's exposure must stay at or below 1.5. Then each check is shown a planted fault.
# usage: check_units.sh BUILD_DIR
set -euo pipefail

build=$1
limit=15 # tenths
if ! command -v systemd-analyze >/dev/null; then
  echo "systemd-analyze is not installed, nothing was checked (deploy/setup.sh installs it)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work/root cmake --install "$build" --prefix /usr >"$work/log" || {
  cat "$work/log"
  exit 1
}
units=$work/root/usr/lib/systemd

# A copy whose program exists: verify looks for it.
prepare() { # FROM TO
  printf '#!/bin/sh\n' >"$work/p2pd"
  chmod +x "$work/p2pd"
  sed -E "s|^ExecStart=[^ ]*/p2pd|ExecStart=$work/p2pd|" "$1" >"$2"
}

verify() { # system|user FILE
  local where=--system output
  [[ $1 == user ]] && where=--user
  output=$(SYSTEMD_LOG_COLOR=0 XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$work} systemd-analyze verify "$where" --man=no \
    --recursive-errors=no "$2" 2>&1) || true
  [[ -z $output ]] || {
    echo "$output"
    return 1
  }
}

secure() { systemd-analyze security --offline=true --threshold=$limit --no-pager "$1" >"$work/security" 2>&1; }

mkdir -p "$work/system" "$work/user" "$work/bad"
prepare "$units/system/p2pd.service" "$work/system/p2pd.service"
prepare "$units/system/p2pd-strack.service" "$work/system/p2pd-strack.service"
prepare "$units/user/p2pd.service" "$work/user/p2pd.service"

for unit in system/p2pd system/p2pd-strack user/p2pd; do
  verify "${unit%/*}" "$work/$unit.service" || {
    echo "$unit: systemd-analyze verify has something to say"
    exit 1
  }
done
for name in p2pd p2pd-strack; do
  if ! secure "$work/system/$name.service"; then
    cat "$work/security"
    echo "the exposure of $name is above $limit tenths"
    exit 1
  fi
  tail -n 1 "$work/security"
done

# The checks see what they are for.
sed 's/^ProtectClock=/ProtectClok=/' "$work/system/p2pd.service" >"$work/bad/p2pd.service"
if verify system "$work/bad/p2pd.service" >/dev/null; then
  echo "a misspelt key went unseen"
  exit 1
fi
grep -vE '^(CapabilityBoundingSet|SystemCallFilter|ProtectSystem)=' "$work/system/p2pd.service" >"$work/bad/p2pd.service"
if secure "$work/bad/p2pd.service"; then
  echo "an exposed unit went unseen"
  exit 1
fi

# Whoever reads SO_PEERCRED must not live in a user namespace of its own.
for name in p2pd p2pd-strack; do
  grep -qx 'PrivateUsers=no' "$work/system/$name.service" || {
    echo "$name: PrivateUsers must be off"
    exit 1
  }
done
echo "units: clean"

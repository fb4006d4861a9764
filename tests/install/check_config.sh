#!/usr/bin/env bash
# deploy/p2pd.toml names every setting of the daemon, each with a comment, and the daemon accepts it.
# usage: check_config.sh P2PD CONFIG
set -euo pipefail

p2pd=$1
config=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$p2pd" --config "$config" --check-config

# section.key of a TOML file, whether it is set or only shown behind a '#'.
keys() {
  sed -nE 's/^#?\[([a-z_.]+)\]$/[\1]/p; s/^#?([a-z_]+) = .*/\1/p' "$1" |
    awk '/^\[/ { section = substr($0, 2, length($0) - 2) "."; next } { print section $0 }' | sort -u
}

HOME=$work XDG_RUNTIME_DIR=$work "$p2pd" --print-config --data-dir "$work/data" --control "unix:$work/sock" >"$work/all.toml"
keys "$work/all.toml" >"$work/of_daemon"
keys "$config" >"$work/of_file"
[[ -s $work/of_daemon ]]
diff "$work/of_daemon" "$work/of_file" || {
  echo "deploy/p2pd.toml (right) and the settings of the daemon (left) differ"
  exit 1
}
# A key without a comment right above it explains nothing.
awk '/^#?[a-z_]+ = / && previous !~ /^# / { print FILENAME ": " $0 " has no comment"; bad = 1 } { previous = $0 } END { exit bad }' "$config"
echo "config: $(wc -l <"$work/of_file") settings, all described"

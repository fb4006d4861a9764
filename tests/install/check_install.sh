#!/usr/bin/env bash
# `cmake --install` puts programs, units, the service's user and the configuration in place, leaves a configuration that
# stands alone, and the programs need no shared library that deploy/setup.sh --runtime does not install.
# usage: check_install.sh BUILD_DIR SOURCE_DIR
set -euo pipefail

build=$1
source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
  echo "$*"
  exit 1
}

DESTDIR=$root cmake --install "$build" --prefix /usr >"$root.log" || {
  cat "$root.log"
  fail "cmake --install failed"
}
rm -f "$root.log"
for file in usr/bin/p2pd usr/bin/p2pctl usr/lib/systemd/system/p2pd.service usr/lib/systemd/user/p2pd.service \
  usr/lib/sysusers.d/p2pd.conf etc/p2pd/p2pd.toml usr/share/doc/p2pd/LICENSE; do
  [[ -f $root/$file ]] || fail "$file was not installed"
done
cmp -s "$root/etc/p2pd/p2pd.toml" "$source/deploy/p2pd.toml" || fail "the configuration is another one"
"$root/usr/bin/p2pd" --config "$root/etc/p2pd/p2pd.toml" --check-config || fail "the configuration is refused"
program=$(sed -nE 's/^ExecStart=([^ ]+) .*/\1/p' "$root/usr/lib/systemd/system/p2pd.service")
[[ -x $root$program ]] || echo "the unit of this build names $program, which is right for another prefix"

echo '# mine' >"$root/etc/p2pd/p2pd.toml"
DESTDIR=$root cmake --install "$build" --prefix /usr >/dev/null
grep -qx '# mine' "$root/etc/p2pd/p2pd.toml" || fail "a second installation replaced the operator's configuration"

if command -v dpkg-query >/dev/null && command -v ldd >/dev/null; then
  wanted=" $("$source/deploy/setup.sh" --runtime --list | tr '\n' ' ') libc6 libgcc-s1 libstdc++6 "
  for program in p2pd p2pctl; do
    needed=$(readelf -d "$root/usr/bin/$program" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p')
    for library in $needed; do
      path=$(ldd "$root/usr/bin/$program" | awk -v l="$library" '$1 == l { print $3 }')
      [[ -n $path ]] || continue # the loader itself
      package=$({ dpkg-query -S "$path" || dpkg-query -S "/usr$path"; } 2>/dev/null | sed -E 's/:.*//' | head -n 1)
      [[ $wanted == *" $package "* ]] || fail "$program needs $library of $package: add it to runtime in deploy/setup.sh"
    done
  done
fi
echo "install: complete"

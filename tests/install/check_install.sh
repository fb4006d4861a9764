#!/usr/bin/env bash
# `cmake --install` puts programs, units, the service's user and the configuration in place under any prefix, the units name
# what was installed, a configuration that stands is left alone, and the programs need no shared library that
# deploy/setup.sh --runtime does not install.
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

install() { # PREFIX [VARIABLE=VALUE]: into $root, unless DESTDIR says else
  env DESTDIR="$root" "${@:2}" cmake --install "$build" --prefix "$1" >"$root/log" || {
    cat "$root/log"
    fail "cmake --install --prefix $1 failed"
  }
}

# installed BELOW PREFIX CONFIGURATION: all of it is there, and the units name it.
installed() {
  local below=$1 prefix=$2 config=$3 file kind command
  for file in "$prefix"/{bin/p2pd,bin/p2pctl} "$prefix"/lib/systemd/{system/p2pd,system/p2pd-strack,user/p2pd}.service \
    "$prefix"/{lib/sysusers.d/p2pd.conf,share/doc/p2pd/LICENSE} "$config" "${config%/*}/strack.toml"; do
    [[ -f $below$file ]] || fail "prefix $prefix: $file was not installed"
  done
  cmp -s "$below$config" "$source/deploy/p2pd.toml" || fail "prefix $prefix: the configuration is another one"
  for unit in "system/p2pd:$prefix/bin/p2pd --config $config" "user/p2pd:$prefix/bin/p2pd" \
    "system/p2pd-strack:$prefix/bin/p2pd --config ${config%/*}/strack.toml"; do
    command=$(sed -n 's/^ExecStart=//p' "$below$prefix/lib/systemd/${unit%%:*}.service")
    [[ $command == "${unit#*:}" ]] || fail "prefix $prefix: the unit ${unit%%:*} runs '$command' instead of '${unit#*:}'"
  done
}

install /usr
installed "$root" /usr /etc/p2pd/p2pd.toml
for name in p2pd strack; do
  "$root/usr/bin/p2pd" --config "$root/etc/p2pd/$name.toml" --check-config || fail "the configuration $name.toml is refused"
done

# The operator's configuration, and one that is a link to a place which is not there now.
echo '# mine' >"$root/etc/p2pd/p2pd.toml"
install /usr
grep -qx '# mine' "$root/etc/p2pd/p2pd.toml" || fail "a second installation replaced the operator's configuration"
ln -sf /none/p2pd.toml "$root/etc/p2pd/p2pd.toml"
install /usr
[[ -L $root/etc/p2pd/p2pd.toml ]] || fail "a second installation replaced the operator's link"
rm "$root/etc/p2pd/p2pd.toml"

install /
installed "$root" "" /etc/p2pd/p2pd.toml
rm "$root/etc/p2pd/p2pd.toml"
install /usr/local
installed "$root" /usr/local /etc/p2pd/p2pd.toml
rm "$root/etc/p2pd/p2pd.toml"
install /opt/p2pd
installed "$root" /opt/p2pd /opt/p2pd/etc/p2pd/p2pd.toml
[[ ! -e $root/etc/p2pd/p2pd.toml ]] || fail "a prefix of its own was configured in /etc"
# Without DESTDIR nothing leaves the prefix.
install "$root/own" DESTDIR=
installed "" "$root/own" "$root/own/etc/p2pd/p2pd.toml"

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

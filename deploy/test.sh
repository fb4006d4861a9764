#!/usr/bin/env bash
# Sets up, builds and runs every test that CI runs. The last line is 'N passed, N failed', summed over all trees; the
# exit code is 0 only if nothing failed. About 40 minutes on two cores from nothing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

usage() {
  cat <<'EOF'
usage: deploy/test.sh [--quick | --release-only] [--no-setup]
  --quick         the release tree without simulations and integration tests
  --release-only  the release tree with all its tests
  --no-setup      install nothing
Otherwise also: libcore and the fuzz corpora under ASan and UBSan, what has threads under TSan, the simulator built by
clang, and buf's reading of the proto files. Logs: build/test-logs.
EOF
}

mode=all
setup=yes
for argument in "$@"; do
  case "$argument" in
    --quick) mode=quick ;;
    --release-only) mode=release ;;
    --no-setup) setup=no ;;
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

jobs=$(nproc)
logs=$PWD/build/test-logs
passed=0
failed=0
failures=()
mkdir -p "$logs"
started=$SECONDS

say() { printf '[%3d:%02d] %s\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) "$*"; }

count_failure() {
  failed=$((failed + 1))
  failures+=("$1")
}

# What runs beside us, and its children.
running=
builder=
end_tree() {
  local child
  for child in $(pgrep -P "$1"); do end_tree "$child"; done
  kill "$1" 2>/dev/null
}
trap 'for job in $running $builder; do end_tree "$job"; done; exit 130' INT TERM

# logged LOG COMMAND...: runs the command with its output in LOG and shows every minute how far it is.
logged() {
  local log=$1 next=$((SECONDS + 60)) status
  shift
  "$@" >"$log" 2>&1 &
  running=$!
  while kill -0 "$running" 2>/dev/null; do
    if ((SECONDS >= next)); then
      say "  $(tail -n 1 "$log" | cut -c 1-100)"
      next=$((SECONDS + 60))
    fi
    sleep 0.2
  done
  wait "$running"
  status=$?
  running=
  return $status
}

# step NAME COMMAND...: runs the command with its output in a log; a failure counts as one failed test.
step() {
  local name=$1 log
  shift
  log=$logs/${name//[ :]/_}.log
  say "$name"
  if logged "$log" "$@"; then
    return 0
  fi
  say "$name: FAILED, the end of $log:"
  tail -n 40 "$log" | sed 's/^/    /'
  count_failure "$name"
  return 1
}

# run_ctest TREE ARGUMENT...: runs tests of build/TREE and adds up what ctest says.
run_ctest() {
  local tree=$1 log=$logs/$1_ctest.log summary total bad skipped
  shift
  say "$tree: test"
  logged "$log" ctest --test-dir "build/$tree" --output-on-failure -j "$jobs" --no-tests=error "$@"
  summary=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
  if [[ -z $summary ]]; then
    say "$tree: ctest did not finish, the end of $log:"
    tail -n 20 "$log" | sed 's/^/    /'
    count_failure "$tree: ctest"
    return
  fi
  bad=$(sed -E 's/^[0-9]+% tests passed, ([0-9]+) .*/\1/' <<<"$summary")
  total=$(sed -E 's/.* out of ([0-9]+).*/\1/' <<<"$summary")
  # ctest counts a skipped test as passed; we count it as neither.
  skipped=$(grep -cE '^\s+[0-9]+ - \S+ \(Skipped\)' "$log")
  passed=$((passed + total - bad - skipped))
  failed=$((failed + bad))
  say "$tree: $((total - bad - skipped)) passed, $bad failed, $skipped skipped"
  if ((bad > 0)); then
    while read -r name; do failures+=("$tree: $name"); done < <(sed -nE '/\(Skipped\)/d; s/^\s+[0-9]+ - (\S+) \(.*/\1/p' "$log")
    grep -vE '^\s*(Start|[0-9]+/[0-9]+ Test).*Passed|^\s+Start +[0-9]+:' "$log" | tail -n 120 | sed 's/^/    /'
  fi
}

release_tree() {
  step "release: configure" cmake --preset release &&
    step "release: build" cmake --build --preset release-all -j "$jobs" || return
  if [[ $mode == quick ]]; then
    run_ctest release -LE 'sim|integration'
    return
  fi
  [[ $mode == release ]] || build_others
  run_ctest release
}

# The other trees are built once and never edited, and while the tests of the release tree wait and listen: in time that
# nobody else wants.
build_tree() {
  case "$1" in
    asan)
      cmake --preset asan -DP2PD_BUILT_ONCE=ON && cmake --build --preset asan -j "$jobs"
      ;;
    tsan)
      cmake --preset tsan -DP2PD_BUILT_ONCE=ON && cmake --build --preset tsan -j "$jobs" --target p2pd_threads_tests
      ;;
    clang)
      cmake -S . -B build/clang -G Ninja -DCMAKE_BUILD_TYPE=Release -DP2PD_ONLY=core -DP2PD_BUILT_ONCE=ON -DP2PD_WERROR=ON \
        -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 &&
        cmake --build build/clang -j "$jobs" --target p2pd_sim_tests
      ;;
  esac
}

build_others() {
  local tree
  rm -f "$logs"/*.built
  for tree in asan tsan clang; do
    build_tree "$tree" >"$logs/${tree}_build.log" 2>&1
    echo $? >"$logs/$tree.built"
  done &
  builder=$!
  chrt --idle --pid 0 "$builder" 2>"$logs/chrt.log" || renice -n 19 "$builder" >>"$logs/chrt.log"
}

# Until it is built; its log, and how that ended.
built() {
  until [[ -s $logs/$1.built ]]; do
    kill -0 "$builder" 2>/dev/null || break
    tail -n 1 "$logs/$1_build.log" 2>/dev/null
    sleep 1
  done
  cat "$logs/$1_build.log"
  [[ $(cat "$logs/$1.built") == 0 ]]
}

asan_tree() {
  step "asan: build" built asan || return
  # Of the simulations a few seeds: what they are to find is found in the release tree.
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
    run_ctest asan -LE lint -E '^sim_(bamboo|bamboo_store|crowd|depot|attackers|castaway|corpses|vouchers|ad-hoc|faults_real|store_faults_real)$'
}

tsan_tree() {
  step "tsan: build" built tsan || return
  TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1 second_deadlock_stack=1 suppressions=$PWD/tests/tsan.supp" \
    run_ctest tsan -L threads
}

# A second compiler reads libcore, and the simulator has the same results under it.
clang_tree() {
  step "clang: build" built clang || return
  run_ctest clang -L sim -E 'sim_(store_)?faults'
  # With the model of the cryptography, and with the real one.
  local sim
  for sim in p2pd-sim p2pd-sim-real; do
    if step "trace hashes: $sim" tests/sim/p2pd_sim/trace_hashes.sh "build/release/bin/$sim" "build/clang/bin/$sim"; then
      passed=$((passed + 1))
    fi
  done
}

# buf comes from npm, pinned by a lock file; it reads the proto files as a second pair of eyes, and integration_scripts
# talks to the API with it.
fetch_buf() {
  local lock=tests/integration/npm home=build/npm
  if ! cmp --silent "$lock/package-lock.json" "$home/node_modules/of.json"; then
    mkdir -p "$home"
    cp "$lock/package.json" "$lock/package-lock.json" "$home" &&
      step "buf: fetch" npm ci --silent --no-audit --no-fund --prefix "$home" &&
      cp "$lock/package-lock.json" "$home/node_modules/of.json"
  fi
  buf=$(echo "$home"/node_modules/@bufbuild/*/bin/buf)
}

proto_lint() {
  if step "buf: lint" "$buf" lint proto; then passed=$((passed + 1)); fi
}

if [[ $setup == yes ]]; then
  say "setup"
  deploy/setup.sh >"$logs/setup.log" 2>&1 || {
    tail -n 20 "$logs/setup.log"
    echo "0 passed, 1 failed"
    exit 1
  }
fi
[[ $mode == quick ]] || fetch_buf
release_tree
if [[ $mode == all ]]; then
  proto_lint
  asan_tree
  tsan_tree
  clang_tree
fi

say "done"
for failure in "${failures[@]+"${failures[@]}"}"; do echo "failed: $failure"; done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))

#!/usr/bin/env bash
# From a bare Debian 12 to a call between two people, in one command: sets up, builds, starts an overlay of five daemons
# on 127.0.0.1, issues two certificates, logs two people in, and lets one call the other by e-mail address alone, with
# recorded human speech in both directions. Then it compares what was said with what was heard. At last a file is handed to
# an S-tracker, its only seeder is killed, and the file is downloaded from the S-tracker alone.
# Exit 0 only if all of it worked. Everything it starts is stopped, whatever happens.
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'EOF'
usage: deploy/demo.sh [--no-setup] [--no-build] [--bin DIR] [--out DIR]
  --no-setup  install nothing       --no-build  use the programs as they stand
  --bin DIR   programs, default build/release/bin
  --out DIR   where recordings and logs stay, default demo-output of the repository
EOF
}

# of_caller OPTION [DIR]: the folder as the caller means it, in `folder`.
of_caller() {
  if [[ -z ${2-} ]]; then
    echo "deploy/demo.sh: $1 needs a folder behind it; see --help" >&2
    exit 2
  fi
  folder=$2
  [[ $folder == /* ]] || folder=$caller/$folder
}

# What was understood, by ESTOI (Jensen and Taal 2016): at least this of one's own partner, under that of the other text.
readonly understood=0.9 foreign=0.3
# Nothing here takes longer on a slow machine; beyond it something is wrong.
readonly patience=60
readonly speech=/usr/share/pocketsphinx/test/data
readonly ann=ann@example.org bob=bob@example.org

setup=yes build=yes bin=build/release/bin out=demo-output
while (($#)); do
  case "$1" in
    --no-setup) setup=no ;;
    --no-build) build=no ;;
    --bin) of_caller "$@" && bin=$folder build=no && shift ;;
    --out) of_caller "$@" && out=$folder && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

declare -A pid_of
work=

stop_everything() {
  local status=$? name
  trap - EXIT INT TERM
  for name in "${!pid_of[@]}"; do kill "${pid_of[$name]}" 2>/dev/null || true; done
  for name in "${!pid_of[@]}"; do
    # A daemon drains within seconds; one that does not is a failure of its own, seen in the log.
    timeout 20 tail --pid="${pid_of[$name]}" -f /dev/null || kill -KILL "${pid_of[$name]}" 2>/dev/null || true
  done
  if [[ -n $work ]]; then
    cp -f "$work"/*.log "$out"/ 2>/dev/null || true
    rm -rf "$work"
  fi
  if ((status != 0)); then echo "demo: FAILED (exit $status); logs in $out" >&2; fi
  exit "$status"
}

step_number=0
step() {
  step_number=$((step_number + 1))
  printf '\n=== %d. %s\n' "$step_number" "$*"
}

fail() {
  echo "demo: $*" >&2
  exit 1
}

# ctl NAME ARGUMENT...: p2pctl at the daemon of NAME, shown as a person would type it.
ctl() {
  local name=$1
  shift
  printf '%s$ p2pctl %s\n' "$name" "${*//$work\//}"
  quiet "$name" "$@"
}
quiet() {
  local name=$1
  shift
  "$bin/p2pctl" --control "unix:$work/$name/control.sock" "$@"
}

# field NAME KEY: one field of the daemon's status.
field() {
  quiet "$1" --output json status 2>/dev/null |
    python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$2" 2>/dev/null || true
}

# wait_for WHAT COMMAND...: until the command succeeds.
wait_for() {
  local what=$1 end=$((SECONDS + patience))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$what did not happen within $patience s"
    sleep 0.05
  done
}

start() { # NAME [FLAG...]
  local name=$1
  shift
  mkdir -p "$work/$name"
  "$bin/p2pd" --data-dir "$work/$name/data" --listen 127.0.0.1:0 --control "unix:$work/$name/control.sock" \
    "$@" >"$work/$name.log" 2>&1 &
  pid_of[$name]=$!
  wait_for "the start of $name" quiet "$name" status
}

in_the_ring() { [[ $(field "$1" peerCount) -ge $2 ]]; }
sees() { quiet "$1" --output json contact list | grep -q '"AVAILABILITY_AVAILABLE"'; }

# join_wav OUT IN...: recordings one after the other, half a second between them.
join_wav() {
  python3 - "$@" <<'EOF'
import sys, wave
parts = [wave.open(name, 'rb') for name in sys.argv[2:]]
with wave.open(sys.argv[1], 'wb') as joined:
    joined.setparams(parts[0].getparams())
    for part in parts:
        joined.writeframes(part.readframes(part.getnframes()) + bytes(part.getframerate()))
EOF
}

compare() { # WHAT LIMIT... : said, heard
  local what=$1 said=$2 heard=$3
  shift 3
  printf '%-42s ' "$what"
  "$bin/p2pd-speech-compare" "$said" "$heard" "$@"
}

trap stop_everything EXIT
trap 'exit 130' INT TERM
mkdir -p "$out"
work=$(mktemp -d -t p2pd-demo-XXXXXX)

if [[ $setup == yes ]]; then
  step "Packages"
  deploy/setup.sh
fi
if [[ $build == yes ]]; then
  step "Build (release)"
  cmake --preset release >"$work/configure.log" || { tail -n 30 "$work/configure.log" && exit 1; }
  cmake --build --preset release --target p2pd p2pctl p2pd-speech-compare
fi
for program in p2pd p2pctl p2pd-speech-compare; do
  [[ -x $bin/$program ]] || fail "$bin/$program is not there: run without --no-build"
done
[[ -d $speech ]] || fail "no recorded speech in $speech: run deploy/setup.sh (package pocketsphinx-testdata)"

step "Five daemons on 127.0.0.1: three plain peers, Ann and Bob"
start peer1
first=$(field peer1 listenEndpoint)
[[ -n $first ]] || fail "peer1 does not say where it listens"
for name in peer2 peer3 ann bob; do start "$name" --bootstrap "$first"; done
for name in peer1 peer2 peer3 ann bob; do wait_for "$name knows the four others" in_the_ring "$name" 4; done
ctl ann overlay peers

step "A certificate authority, and a certificate each"
printf '$ p2pctl ca init ca --name "Example CA"\n'
"$bin/p2pctl" ca init "$work/ca" --name "Example CA"
declare -A email=([ann]=$ann [bob]=$bob) person=([ann]="Ann Example" [bob]="Bob Example")
for name in ann bob; do
  ctl "$name" identity create --email "${email[$name]}" --name "${person[$name]}" --csr-out "$work/$name.csr"
  printf '$ p2pctl ca issue ca --csr %s.csr --out %s.pem\n' "$name" "$name"
  "$bin/p2pctl" ca issue "$work/ca" --csr "$work/$name.csr" --out "$work/$name.pem"
  ctl "$name" trust add "$work/ca/ca.pem"
  ctl "$name" identity install "$work/$name.pem"
done
ctl ann ca publish "$work/ca"

step "Both log in: certificate, state and settings go into the overlay"
for name in ann bob; do ctl "$name" login; done

step "Friends, and who is there"
ctl ann contact add "$bob" --name Bob
ctl bob contact add "$ann" --name Ann
wait_for "Ann sees Bob" sees ann
wait_for "Bob sees Ann" sees bob
ctl ann contact list
ctl bob contact list

step "Ann calls Bob by his e-mail address; both speak"
said_by_ann=$out/said-by-ann.wav said_by_bob=$out/said-by-bob.wav
heard_by_ann=$out/heard-by-ann.wav heard_by_bob=$out/heard-by-bob.wav
rm -f "$heard_by_ann" "$heard_by_bob"
join_wav "$said_by_ann" "$speech"/librivox/*-{0870,0890}.wav
join_wav "$said_by_bob" "$speech"/cards/00{1,2,3,4,5}.wav
printf 'bob$ p2pctl call answer --play %s --record %s &\n' "$said_by_bob" "$heard_by_bob"
quiet bob call answer --play "$said_by_bob" --record "$heard_by_bob" >"$work/answer.log" 2>&1 &
pid_of[answer]=$!
wait_for "Bob sits by the telephone" grep -q 'waiting for calls' "$work/answer.log"
ctl ann call dial "$bob" --play "$said_by_ann" --record "$heard_by_ann" --for 15s
wait "${pid_of[answer]}" || fail "Bob's side of the call failed: $(cat "$work/answer.log")"
unset 'pid_of[answer]'
sed 's/^/bob: /' "$work/answer.log"

step "What was said against what was heard (ESTOI: at least $understood of the partner, under $foreign of the other)"
compare "Ann said, Bob heard" "$said_by_ann" "$heard_by_bob" --min $understood
compare "Bob said, Ann heard" "$said_by_bob" "$heard_by_ann" --min $understood
compare "Bob said, Bob heard (must not match)" "$said_by_bob" "$heard_by_bob" --max $foreign
compare "Ann said, Ann heard (must not match)" "$said_by_ann" "$heard_by_ann" --max $foreign

step "Ann hands a file to an S-tracker, goes, and Bob downloads it from the S-tracker alone"
start strack --bootstrap "$first" --tracker 127.0.0.1:0 --peer 127.0.0.1:0
tracker=$(sed -nE 's/.*tracker (127\.0\.0\.1:[0-9]+).*/\1/p' "$work/strack.log")
mkdir -p "$work/ann/files" "$work/bob/files"
head -c 20000000 /dev/urandom >"$work/ann/files/film"
said=$(sha256sum <"$work/ann/files/film")
ctl strack torrent create "$work/ann/files/film" --out "$work/film.torrent" --tracker "udp://$tracker" --submit
hash=$(quiet strack torrent list film | awk 'END { print $1 }')
archived() { quiet strack torrent list film | grep -q ' archived '; }
# Ann's client seeds until it is killed.
printf 'ann$ p2pctl torrent download film.torrent --dir files --lan --no-dht --seed-for 1h &\n'
# The program itself, not a shell around it: it is what is killed.
"$bin/p2pctl" torrent download "$work/film.torrent" --dir "$work/ann/files" --listen 127.0.0.1:0 --lan --no-dht --seed-for 1h \
  >"$work/seed.log" 2>&1 &
pid_of[seed]=$!
wait_for "the file to be archived" archived
kill -KILL "${pid_of[seed]}"
wait "${pid_of[seed]}" 2>/dev/null || true
unset 'pid_of[seed]'
rm -rf "$work/ann/files"
echo "the only seeder was killed, and its file is gone"
ctl bob torrent download "$work/film.torrent" --dir "$work/bob/files" --listen 127.0.0.1:0 --lan --no-dht --give-up-after 1min
ctl strack torrent show "$hash"
[[ $(sha256sum <"$work/bob/files/film") == "$said" ]] || fail "what Bob got is another file"
echo "Bob has it, byte for byte: SHA-256 ${said%% *}"

step "Both log out, all daemons stop"
for name in ann bob; do ctl "$name" logout; done
for name in strack ann bob peer3 peer2 peer1; do
  quiet "$name" shutdown >/dev/null
  wait "${pid_of[$name]}" || fail "$name did not end cleanly, see $out/$name.log"
  unset "pid_of[$name]"
done
echo "all six ended with exit code 0"

printf '\ndemo: all of it worked. The recordings are in %s: said-by-ann.wav, heard-by-bob.wav, said-by-bob.wav, heard-by-ann.wav\n' "$out"

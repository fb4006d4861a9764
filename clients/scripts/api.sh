#!/usr/bin/env bash
# One call of the control API by hand: api.sh METHOD [JSON]
#
#   api.sh p2pd.v1.NodeService/GetNode '{"name": "node"}'
#   api.sh --list                       the services that the daemon describes
#
# The door: P2PD_CONTROL=unix:PATH (default: the user's socket, then the system's), or P2PD_CONTROL=ADDR:PORT with
# P2PD_TLS_CA=DATA-DIR/control/tls.pem and P2PD_TOKEN_FILE=DATA-DIR/control/token.
# The tool: grpcurl, or buf (npm @bufbuild/buf) where grpcurl is not there; P2PD_API_TOOL=grpcurl|buf decides.
set -euo pipefail

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

default_socket() {
  local user="${XDG_RUNTIME_DIR:-/nonexistent}/p2pd/control.sock"
  if [[ -S $user ]]; then echo "unix:$user"; else echo "unix:/run/p2pd/control.sock"; fi
}

method="${1:-}"
body="${2:-}"
[[ -n $body ]] || body='{}'
[[ -n $method && $# -le 2 ]] || usage
control="${P2PD_CONTROL:-$(default_socket)}"
tool="${P2PD_API_TOOL:-}"
if [[ -z $tool ]]; then
  tool=buf
  if command -v grpcurl >/dev/null; then tool=grpcurl; fi
fi

# The token goes through a header of the request, never through the environment of another process.
secured() {
  [[ -r ${P2PD_TLS_CA:-} && -r ${P2PD_TOKEN_FILE:-} ]] || {
    echo "api.sh: TCP needs P2PD_TLS_CA and P2PD_TOKEN_FILE, readable files" >&2
    exit 2
  }
}

case "$tool" in
  grpcurl)
    if [[ $control == unix:* ]]; then
      door=(-plaintext -unix "${control#unix:}")
    else
      secured
      export P2PD_BEARER
      P2PD_BEARER="$(<"$P2PD_TOKEN_FILE")"
      # shellcheck disable=SC2016  # grpcurl itself expands the variable, so that ps does not show the token
      door=(-cacert "$P2PD_TLS_CA" -expand-headers -H 'authorization: Bearer ${P2PD_BEARER}' "$control")
    fi
    if [[ $method == --list ]]; then exec grpcurl "${door[@]}" list; fi
    exec grpcurl -d "$body" "${door[@]}" "$method"
    ;;
  buf)
    common=(curl --protocol grpc --reflect --reflect-protocol grpc-v1alpha)
    if [[ $control == unix:* ]]; then
      common+=(--unix-socket "${control#unix:}" --http2-prior-knowledge)
      base=http://localhost
    else
      secured
      # buf reads a header from a file behind @, so that ps does not show the token.
      header="$(mktemp)"
      trap 'rm -f "$header"' EXIT
      chmod 600 "$header"
      printf 'authorization: Bearer %s\n' "$(<"$P2PD_TOKEN_FILE")" >"$header"
      common+=(--cacert "$P2PD_TLS_CA" --header "@$header" --reflect-header "@$header")
      base="https://$control"
    fi
    if [[ $method == --list ]]; then
      buf "${common[@]}" --list-services "$base"
    else
      buf "${common[@]}" --data "$body" "$base/$method"
    fi
    ;;
  *)
    echo "api.sh: P2PD_API_TOOL is grpcurl or buf, not $tool" >&2
    exit 2
    ;;
esac

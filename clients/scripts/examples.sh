#!/usr/bin/env bash
# Common tasks over the control API, each one call of api.sh: examples.sh TASK [ARGUMENT...]
#
#   status                       what the daemon is and does
#   identities                   who may log in here
#   login [EMAIL]                log in; default the first identity
#   logout [EMAIL]
#   presence EMAIL               is somebody there, confirmed by a hello
#   contacts                     the friend list
#   add-contact EMAIL [NAME]
#   remove-contact EMAIL
#   dial EMAIL                   call with a tone; prints the call's name
#   calls                        calls of the last hour
#   hangup CALL                  end a call, "calls/…"
#   trust FILE.pem               trust a root
#   roots                        the trusted roots
#   put KEY TEXT                 store a value for an hour; KEY is 40 hex digits, email:E or name:TEXT
#   get KEY
#   peers                        the overlay nodes known here
#   lookup KEY                   who is responsible for a key
#   submit FILE.torrent          hand a torrent to the archive
#   torrents [WORDS]             what the archive keeps alive
#   watch-torrents               follow them
set -euo pipefail

api() { "$(dirname "$0")/api.sh" "$@"; }
# A JSON string of any text.
quote() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }
# The bytes of a file, or of a text, in the base64 of proto3 JSON.
bytes() { base64 --wrap=0; }
identity() { if [[ -n ${1:-} ]]; then quote "identities/$1"; else echo '""'; fi; }
need() { [[ $# -ge 2 && -n $2 ]] || { echo "examples.sh: $1 is missing; run without arguments for help" >&2; exit 2; }; }

case "${1:-}" in
  status) api p2pd.v1.NodeService/GetNode '{"name": "node"}' ;;
  identities) api p2pd.v1.IdentityService/ListIdentities ;;
  login) api p2pd.v1.IdentityService/Login "{\"name\": $(identity "${2:-}")}" ;;
  logout) api p2pd.v1.IdentityService/Logout "{\"name\": $(identity "${2:-}")}" ;;
  presence) need EMAIL "${2:-}" && api p2pd.v1.ContactService/GetPresence "{\"email\": $(quote "$2")}" ;;
  contacts) api p2pd.v1.ContactService/ListContacts ;;
  add-contact)
    need EMAIL "${2:-}"
    api p2pd.v1.ContactService/CreateContact "{\"email\": $(quote "$2"), \"displayName\": $(quote "${3:-}")}"
    ;;
  remove-contact)
    need EMAIL "${2:-}"
    api p2pd.v1.ContactService/DeleteContact "{\"name\": $(quote "contacts/$2")}"
    ;;
  dial)
    need EMAIL "${2:-}"
    api p2pd.v1.CallService/CreateCall "{\"peerEmail\": $(quote "$2"), \"audioSource\": \"AUDIO_SOURCE_TONE\"}"
    ;;
  calls) api p2pd.v1.CallService/ListCalls ;;
  hangup) need CALL "${2:-}" && api p2pd.v1.CallService/HangUpCall "{\"name\": $(quote "$2")}" ;;
  trust)
    need FILE "${2:-}"
    api p2pd.v1.IdentityService/CreateTrustRoot "{\"certificate\": \"$(bytes <"$2")\"}"
    ;;
  roots) api p2pd.v1.IdentityService/ListTrustRoots ;;
  put)
    need KEY "${2:-}" && need TEXT "${3:-}"
    api p2pd.v1.OverlayService/Put "{\"key\": $(quote "$2"), \"value\": \"$(printf '%s' "$3" | bytes)\", \"ttl\": \"3600s\"}"
    ;;
  get) need KEY "${2:-}" && api p2pd.v1.OverlayService/Get "{\"key\": $(quote "$2")}" ;;
  peers) api p2pd.v1.OverlayService/ListPeers ;;
  lookup) need KEY "${2:-}" && api p2pd.v1.OverlayService/Lookup "{\"key\": $(quote "$2")}" ;;
  submit)
    need FILE "${2:-}"
    api p2pd.v1.TorrentService/SubmitTorrent "{\"metainfo\": \"$(bytes <"$2")\"}"
    ;;
  torrents) api p2pd.v1.TorrentService/ListTorrents "{\"query\": $(quote "${2:-}")}" ;;
  watch-torrents) api p2pd.v1.TorrentService/WatchTorrents ;;
  *)
    sed -n '2,24s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

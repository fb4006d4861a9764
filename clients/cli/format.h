// How values of the API are shown to a person: times, durations, sizes, enum words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "p2pd/v1/call_service.pb.h"
#include "p2pd/v1/certificate.pb.h"
#include "p2pd/v1/identity_service.pb.h"

namespace p2pd::cli {

// "2026-11-20 14:03:07" in local time, "-" when unset.
std::string Show(const google::protobuf::Timestamp& time);
// "3.2 ms", "12 s", "4 h 3 min".
std::string Show(const google::protobuf::Duration& duration);
// "available", "away", "busy", "offline", "unknown".
std::string Show(v1::Availability availability);
std::string Show(v1::Identity::State state);
std::string Show(v1::Call::State state);
std::string Show(v1::Call::EndReason reason);
std::string Show(v1::CallTransfer::State state);
std::string Show(v1::CallStep::Kind kind);
// One line: name, issuer, end of validity.
std::string Show(const v1::CertificateInfo& certificate);
// "identities/a@b" -> "a@b".
std::string LastWord(const std::string& name);

// "10s", "250ms", "2min", "1h30m", "7d"; nullopt for anything else or beyond 400 days.
std::optional<google::protobuf::Duration> ParseDuration(const std::string& text);

// "256KiB", "1MiB", "2TiB", "16384": bytes, by powers of 1024; nullopt for anything else.
std::optional<uint64_t> ParseSize(const std::string& text);
// "964.5 MB": by powers of 1000, as file managers show it.
std::string ShowBytes(uint64_t bytes);

}  // namespace p2pd::cli

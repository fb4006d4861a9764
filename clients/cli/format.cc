#include "clients/cli/format.h"

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace p2pd::cli {
namespace {

constexpr absl::Duration kMaxDuration = absl::Hours(400 * 24);

// NOT_FOUND -> "not found".
std::string Words(const std::string& name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
}

}  // namespace

std::string Show(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string Show(const google::protobuf::Duration& duration) {
  const absl::Duration span =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  if (span < absl::Seconds(1)) return absl::StrFormat("%.1f ms", absl::ToDoubleMilliseconds(span));
  if (span < absl::Minutes(2)) return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(span));
  if (span < absl::Hours(2)) return absl::StrCat(absl::ToInt64Minutes(span), " min");
  if (span < absl::Hours(48)) {
    return absl::StrCat(absl::ToInt64Hours(span), " h ", absl::ToInt64Minutes(span) % 60, " min");
  }
  return absl::StrCat(absl::ToInt64Hours(span) / 24, " days");
}

std::string Show(v1::Availability availability) {
  switch (availability) {
    case v1::AVAILABILITY_AVAILABLE:
      return "available";
    case v1::AVAILABILITY_AWAY:
      return "away";
    case v1::AVAILABILITY_BUSY:
      return "busy";
    case v1::AVAILABILITY_OFFLINE:
      return "offline";
    default:
      return "unknown";
  }
}

std::string Show(v1::Identity::State state) { return Words(v1::Identity::State_Name(state)); }
std::string Show(v1::Call::State state) { return Words(v1::Call::State_Name(state)); }
std::string Show(v1::Call::EndReason reason) { return Words(v1::Call::EndReason_Name(reason)); }
std::string Show(v1::CallTransfer::State state) {
  return Words(v1::CallTransfer::State_Name(state));
}
std::string Show(v1::CallStep::Kind kind) { return Words(v1::CallStep::Kind_Name(kind)); }

std::string Show(const v1::CertificateInfo& certificate) {
  if (certificate.fingerprint().empty()) return "-";
  return absl::StrCat(certificate.subject_name(), ", by ", certificate.issuer_name(), ", until ",
                      Show(certificate.not_after_time()));
}

std::string LastWord(const std::string& name) { return name.substr(name.rfind('/') + 1); }

std::optional<google::protobuf::Duration> ParseDuration(const std::string& text) {
  std::string spelled = absl::StrReplaceAll(text, {{"min", "m"}});
  absl::Duration span;
  int64_t days = 0;
  if (!spelled.empty() && spelled.back() == 'd') {
    if (!absl::SimpleAtoi(spelled.substr(0, spelled.size() - 1), &days) || days < 0 || days > 400)
      return std::nullopt;
    span = absl::Hours(24 * days);
  } else if (!absl::ParseDuration(spelled, &span)) {
    return std::nullopt;
  }
  if (span < absl::ZeroDuration() || span > kMaxDuration) return std::nullopt;
  google::protobuf::Duration out;
  out.set_seconds(absl::ToInt64Seconds(span));
  out.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(span - absl::Seconds(out.seconds()))));
  return out;
}

std::optional<uint64_t> ParseSize(const std::string& text) {
  absl::string_view rest = text;
  uint64_t factor = 1;
  for (const auto& [word, bytes] : {std::pair<const char*, uint64_t>{"KiB", uint64_t{1} << 10},
                                    {"MiB", uint64_t{1} << 20},
                                    {"GiB", uint64_t{1} << 30},
                                    {"TiB", uint64_t{1} << 40}}) {
    if (absl::ConsumeSuffix(&rest, word)) {
      factor = bytes;
      break;
    }
  }
  uint64_t number = 0;
  // SimpleAtoi takes signs and blanks, too.
  if (rest.empty() || rest.size() > 10 ||
      rest.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(rest, &number) || number > std::numeric_limits<uint64_t>::max() / factor) {
    return std::nullopt;
  }
  return number * factor;
}

std::string ShowBytes(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  auto value = static_cast<double>(bytes);
  for (const char* unit : {"kB", "MB", "GB"}) {
    value /= 1000;
    // 999.96 would be shown as 1000.0.
    if (value < 999.95) return absl::StrFormat("%.1f %s", value, unit);
  }
  return absl::StrFormat("%.1f TB", value / 1000);
}

}  // namespace p2pd::cli

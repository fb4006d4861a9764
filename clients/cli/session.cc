#include "clients/cli/session.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "clients/common/harmless.h"
#include "google/protobuf/util/json_util.h"

namespace p2pd::cli {

void Table::Print() const {
  // Names, texts and addresses are mostly somebody else's.
  std::vector<std::vector<std::string>> rows = rows_;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = clients::Harmless(cell);
  }
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::puts(line.c_str());
  }
}

clients::Connection* Session::Connect() {
  if (connection_) return connection_.get();
  auto opened = clients::Connection::Open(options_);
  if (auto* problem = std::get_if<clients::ConnectionProblem>(&opened)) {
    clients::ReportUsage(problem->text);
    problem_ = problem->code;
    return nullptr;
  }
  connection_ = std::move(std::get<0>(opened));
  return connection_.get();
}

void Session::PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    std::fprintf(stderr, "p2pctl: the answer has no JSON form\n");
    return;
  }
  std::puts(text.c_str());
  // A reader of a stream wants each line when it happens.
  std::fflush(stdout);
}

}  // namespace p2pd::cli

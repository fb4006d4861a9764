// Session: one run of p2pctl. Opens the connection when the first command needs it, calls methods,
// prints answers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clients/common/connection.h"
#include "clients/common/exit_code.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"

namespace p2pd::cli {

using clients::ExitCode;

enum class OutputFormat { kTable, kJson };

// A table for people: columns are as wide as their widest cell, the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // To standard output; a table without rows prints its header only.
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

class Session {
 public:
  Session(clients::ConnectionOptions connection, OutputFormat format, std::string as)
      : options_(std::move(connection)), format_(format), as_(std::move(as)) {}

  // The connection, or null after having said why there is none; exit with problem() then.
  clients::Connection* Connect();
  ExitCode problem() const { return problem_; }

  bool json() const { return format_ == OutputFormat::kJson; }
  // "identities/E" of --as, empty for the default identity.
  std::string Identity() const { return as_.empty() ? std::string() : "identities/" + as_; }
  // "identities/E" of `email` if given, else Identity().
  std::string IdentityOr(const std::string& email) const {
    return email.empty() ? Identity() : "identities/" + email;
  }

  // proto3 JSON on one line of standard output.
  static void PrintJson(const google::protobuf::Message& message);

  // Calls one unary method and says nothing: pass the status to Answer. Where there is no
  // connection that was said, the status is CANCELLED and problem() says more.
  template <class Service, class Request, class Response>
  grpc::Status Ask(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                         Response*),
                   const Request& request, Response* response) {
    clients::Connection* connection = Connect();
    if (connection == nullptr) return grpc::Status::CANCELLED;
    typename Service::Stub stub(connection->channel());
    const auto context = connection->UnaryContext();
    return (stub.*method)(context.get(), request, response);
  }

  // Prints what Ask brought: JSON of the whole answer, or `table` of it; or why there is none.
  template <class Response, class Printer>
  ExitCode Answer(const grpc::Status& status, const Response& response, Printer table) {
    if (connection_ == nullptr) return problem_;
    if (!status.ok()) return clients::Report(status);
    if (json()) {
      PrintJson(response);
    } else {
      table(response);
    }
    return ExitCode::kDone;
  }

  // Ask. On failure says so on standard error and returns false; exit with problem().
  template <class Service, class Request, class Response>
  bool Call(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
            const Request& request, Response* response) {
    const grpc::Status status = Ask<Service>(method, request, response);
    if (connection_ == nullptr) return false;
    problem_ = clients::Report(status);
    return status.ok();
  }

  // Ask, then Answer.
  template <class Service, class Request, class Response, class Printer>
  ExitCode CallAndPrint(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                        const Request& request, Printer table) {
    Response response;
    const grpc::Status status = Ask<Service>(method, request, &response);
    return Answer(status, response, table);
  }

 private:
  clients::ConnectionOptions options_;
  OutputFormat format_;
  std::string as_;
  std::unique_ptr<clients::Connection> connection_;
  ExitCode problem_ = ExitCode::kDone;
};

}  // namespace p2pd::cli

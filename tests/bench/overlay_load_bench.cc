// A load of puts and gets on many daemons at once: each has one client that waits for its answer,
// puts a fresh value, and gets one that another client put. Prints latencies and operations a
// second as JSON. Usage: p2pd_overlay_load_bench SECONDS BYTES CONTROL...
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/common/connection.h"
#include "p2pd/v1/overlay_service.grpc.pb.h"

namespace {

using TimePoint = std::chrono::steady_clock::time_point;
using p2pd::clients::Connection;

TimePoint Now() {
  return std::chrono::steady_clock::now();  // lint: allow(a benchmark measures time)
}

struct Client {
  std::unique_ptr<Connection> connection;
  std::vector<double> puts;  // ms
  std::vector<double> gets;  // ms
  int failures = 0;
  std::atomic<int> values = 0;  // put so far
};

std::string KeyOf(size_t client, int value) { return absl::StrCat("name:", client, "/", value); }

double MillisecondsSince(TimePoint start) {
  return std::chrono::duration<double, std::milli>(Now() - start).count();
}

void Work(std::vector<Client>& clients, size_t self, size_t bytes, TimePoint until) {
  Client& client = clients[self];
  const Client& other = clients[(self + 7) % clients.size()];
  const size_t other_index = (self + 7) % clients.size();
  const auto stub = p2pd::v1::OverlayService::NewStub(client.connection->channel());
  for (int round = 0; Now() < until; ++round) {
    p2pd::v1::PutRequest put;
    put.set_key(KeyOf(self, round));
    put.set_value(std::string(bytes, static_cast<char>('a' + round % 26)));
    p2pd::v1::PutResponse stored;
    TimePoint start = Now();
    if (stub->Put(client.connection->UnaryContext().get(), put, &stored).ok()) {
      client.puts.push_back(MillisecondsSince(start));
      client.values = round + 1;
    } else {
      ++client.failures;
    }
    const int there = other.values;
    if (there == 0) continue;
    p2pd::v1::GetRequest get;
    get.set_key(KeyOf(other_index, (round * 31) % there));
    p2pd::v1::GetResponse found;
    start = Now();
    if (stub->Get(client.connection->UnaryContext().get(), get, &found).ok() &&
        found.values_size() == 1) {
      client.gets.push_back(MillisecondsSince(start));
    } else {
      ++client.failures;
    }
  }
}

std::string Summary(std::vector<double> milliseconds) {
  if (milliseconds.empty()) return "null";
  std::sort(milliseconds.begin(), milliseconds.end());
  const size_t last = milliseconds.size() - 1;
  return absl::StrCat("{\"median\": ", milliseconds[last / 2],
                      ", \"p99\": ", milliseconds[last * 99 / 100],
                      ", \"unit\": \"ms\", \"count\": ", milliseconds.size(), "}");
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 3 ? std::atof(argv[1]) : 0;
  const int bytes = argc > 3 ? std::atoi(argv[2]) : 0;
  if (seconds <= 0 || bytes <= 0) {
    std::fprintf(stderr, "usage: p2pd_overlay_load_bench SECONDS BYTES CONTROL...\n");
    return 2;
  }
  std::vector<Client> clients(static_cast<size_t>(argc - 3));
  for (size_t i = 0; i < clients.size(); ++i) {
    p2pd::clients::ConnectionOptions options;
    options.control = argv[i + 3];
    auto opened = Connection::Open(options);
    if (const auto* problem = std::get_if<p2pd::clients::ConnectionProblem>(&opened)) {
      std::fprintf(stderr, "%s\n", problem->text.c_str());
      return 1;
    }
    clients[i].connection = std::move(std::get<0>(opened));
  }
  const TimePoint until = Now() + std::chrono::duration_cast<TimePoint::duration>(
                                      std::chrono::duration<double>(seconds));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back(
        [&clients, i, bytes, until] { Work(clients, i, static_cast<size_t>(bytes), until); });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> puts;
  std::vector<double> gets;
  int failures = 0;
  for (const Client& client : clients) {
    puts.insert(puts.end(), client.puts.begin(), client.puts.end());
    gets.insert(gets.end(), client.gets.begin(), client.gets.end());
    failures += client.failures;
  }
  const double rate = static_cast<double>(puts.size() + gets.size()) / seconds;
  std::printf("{\"put\": %s, \"get\": %s, \"operations_per_second\": %.0f, \"failures\": %d}\n",
              Summary(std::move(puts)).c_str(), Summary(std::move(gets)).c_str(), rate, failures);
  return 0;
}

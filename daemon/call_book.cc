#include "daemon/call_book.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

using v1::Call;

constexpr absl::string_view kRecords = "callRecords/";
// Pages of 4 KiB in the log at which the writer empties it, if nobody else does.
constexpr int kWalWall = 1024;

enum Flag : int64_t { kOver = 1, kMissed = 2, kVoicemail = 4 };

db::Schema Schema() {
  return db::Schema{.what = "call history",
                    .application_id = 0x70326362,  // "p2cb"
                    .version = 1,
                    .tables =
                        "CREATE TABLE calls(number INTEGER PRIMARY KEY AUTOINCREMENT, "
                        "id TEXT NOT NULL UNIQUE, identity TEXT NOT NULL, peer TEXT NOT NULL, "
                        "flags INTEGER NOT NULL, ended INTEGER NOT NULL, call BLOB NOT NULL);",
                    .if_damaged =
                        "move the file away and start again: the list of earlier calls is lost, "
                        "recordings are not",
                    .if_full = "make room there"};
}

bool Missed(const Call& call) {
  if (call.direction() != Call::INCOMING || call.state() != Call::ENDED) return false;
  if (call.voicemail()) return true;
  return !call.has_answer_time() && call.end_reason() != Call::REJECTED &&
         call.end_reason() != Call::ANSWERED_ELSEWHERE;
}

int64_t FlagsOf(const Call& call) {
  return (call.state() == Call::ENDED ? int64_t{kOver} : 0) |
         (Missed(call) ? int64_t{kMissed} : 0) |
         (call.voicemail() && !call.recording().empty() ? int64_t{kVoicemail} : 0);
}

std::optional<v1::CallRecord> ReadRecord(const db::Query& query) {
  v1::CallRecord record;
  const ByteView bytes = query.Blob(1);
  if (!record.mutable_call()->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  record.set_name(absl::StrCat(kRecords, query.Number(0)));
  record.set_missed(Missed(record.call()));
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CallBook>> CallBook::Open(const std::string& path) {
  P2PD_ASSIGN_OR_RETURN(db::Database database,
                        db::Database::Open(path, Schema(), {.wal_wall = kWalWall}));
  std::unique_ptr<CallBook> book(new CallBook(std::move(database)));
  P2PD_RETURN_IF_ERROR(book->Prepare());
  P2PD_RETURN_IF_ERROR(book->EndWhatWasUnderWay());
  return book;
}

absl::StatusOr<std::unique_ptr<db::Checkpointer>> CallBook::OpenCheckpointer(
    const std::string& path) {
  return db::Checkpointer::Open(path, Schema());
}

absl::Status CallBook::Prepare() {
  const std::pair<db::Statement*, const char*> statements[] = {
      {&put_,
       "INSERT INTO calls(id, identity, peer, flags, ended, call) VALUES(?, ?, ?, ?, ?, ?) "
       "ON CONFLICT(id) DO UPDATE SET identity = excluded.identity, peer = excluded.peer, "
       "flags = excluded.flags, ended = excluded.ended, call = excluded.call"},
      {&trim_,
       "DELETE FROM calls WHERE number IN "
       "(SELECT number FROM calls ORDER BY number DESC LIMIT -1 OFFSET ?) AND flags & 4 = 0"},
      {&list_,
       "SELECT number, call FROM calls WHERE number < ?1 AND (?2 = '' OR identity = ?2) "
       "AND (?3 = '' OR peer = ?3) AND flags & ?4 = ?4 ORDER BY number DESC LIMIT ?5"},
      {&find_, "SELECT number, call FROM calls WHERE number = ? AND flags & 1 = 1"},
      {&erase_, "DELETE FROM calls WHERE number = ?"},
      {&erase_before_, "DELETE FROM calls WHERE flags & 5 = 1 AND ended < ?"},
      {&count_messages_, "SELECT COUNT(*) FROM calls WHERE flags & 4 = 4"},
      {&under_way_, "SELECT number, call FROM calls WHERE flags & 1 = 0"}};
  for (const auto& [statement, sql] : statements) {
    P2PD_ASSIGN_OR_RETURN(*statement, database_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status CallBook::EndWhatWasUnderWay() {
  std::vector<Call> calls;
  {
    db::Query query(under_way_);
    while (query.Next() == db::Query::Step::kRow) {
      if (auto record = ReadRecord(query)) calls.push_back(std::move(*record->mutable_call()));
    }
  }
  for (Call& call : calls) {
    call.set_state(Call::ENDED);
    call.set_end_reason(Call::FAILED);
    call.set_end_detail("the daemon ended during the call");
    call.set_recorded_local(false);
    P2PD_RETURN_IF_ERROR(Put(call));
  }
  return absl::OkStatus();
}

absl::Status CallBook::Put(const Call& call) {
  Call kept = call;
  kept.clear_steps();
  kept.clear_peer_certificate();
  const std::string bytes = kept.SerializeAsString();
  const int64_t ended =
      kept.has_end_time() ? kept.end_time().seconds() : kept.create_time().seconds();
  const bool put = db::Query(put_)
                       .Text(kept.name())
                       .Text(kept.identity())
                       .Text(kept.peer_email())
                       .Bind(FlagsOf(kept))
                       .Bind(ended)
                       .Bind(AsBytes(bytes))
                       .Run() &&
                   db::Query(trim_).Bind(kMaxRecords).Run();
  return put ? absl::OkStatus() : database_.Error("keep a call");
}

absl::StatusOr<std::vector<v1::CallRecord>> CallBook::List(const Filter& filter, int64_t before,
                                                           size_t limit) const {
  const int64_t flags =
      kOver | (filter.missed ? int64_t{kMissed} : 0) | (filter.voicemail ? int64_t{kVoicemail} : 0);
  std::vector<v1::CallRecord> out;
  db::Query query(list_);
  query.Bind(before)
      .Text(filter.identity)
      .Text(filter.peer)
      .Bind(flags)
      .Bind(static_cast<int64_t>(limit));
  for (;;) {
    const db::Query::Step step = query.Next();
    if (step == db::Query::Step::kFailed) return database_.Error("list calls");
    if (step == db::Query::Step::kDone) return out;
    if (auto record = ReadRecord(query)) out.push_back(*std::move(record));
  }
}

absl::StatusOr<v1::CallRecord> CallBook::Find(int64_t number) const {
  db::Query query(find_);
  const db::Query::Step step = query.Bind(number).Next();
  if (step == db::Query::Step::kFailed) return database_.Error("read a call");
  if (step == db::Query::Step::kRow) {
    if (auto record = ReadRecord(query)) return *std::move(record);
  }
  return absl::NotFoundError(absl::StrCat("no record ", number, " of a call that has ended"));
}

absl::Status CallBook::Erase(int64_t number) {
  return db::Query(erase_).Bind(number).Run() ? absl::OkStatus() : database_.Error("forget a call");
}

absl::Status CallBook::EraseBefore(absl::Time time) {
  return db::Query(erase_before_).Bind(absl::ToUnixSeconds(time)).Run()
             ? absl::OkStatus()
             : database_.Error("forget calls");
}

int CallBook::messages() const {
  db::Query query(count_messages_);
  return query.Next() == db::Query::Step::kRow ? static_cast<int>(query.Number(0)) : 0;
}

std::optional<int64_t> CallBook::ParseName(absl::string_view name) {
  absl::ConsumePrefix(&name, kRecords);
  int64_t number = 0;
  if (!absl::SimpleAtoi(name, &number) || number <= 0) return std::nullopt;
  return number;
}

}  // namespace p2pd::daemon

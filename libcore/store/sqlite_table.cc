#include "libcore/store/sqlite_table.h"

#include <utility>

#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/store/account_ledger.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

// `bytes` comes last: who reads the other columns then never touches the overflow pages of a large
// value.
constexpr char kSchema[] =
    "CREATE TABLE objects("
    "place BLOB NOT NULL, kind INTEGER NOT NULL, slot BLOB NOT NULL, sequence INTEGER NOT NULL, "
    "expires INTEGER NOT NULL, stored_at INTEGER NOT NULL, account BLOB NOT NULL, "
    "digest BLOB NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX by_slot ON objects(place, kind, slot);"
    "CREATE INDEX by_expiry ON objects(expires);"
    "CREATE INDEX by_account ON objects(account, stored_at);";

db::Schema Schema() {
  return db::Schema{
      .what = "object table",
      .application_id = 0x70327374,  // "p2st"
      .version = SqliteTable::kSchemaVersion,
      .tables = kSchema,
      .if_damaged = "move the file away and start again, the other nodes give the objects back",
      .if_full = "make room there, or raise store.max_bytes"};
}

int64_t Micros(absl::Time time) { return absl::ToUnixMicros(time); }
size_t ChargeOf(int64_t size) { return static_cast<size_t>(size) + kRowOverhead; }

}  // namespace

class SqliteTable::Impl {
 public:
  explicit Impl(db::Database database) : db_(std::move(database)) {}

  absl::Status Prepare();
  absl::Status CountUp();
  // True while rows come; remembers a read that failed.
  bool NextRow(db::Query& query) const;
  std::optional<StoredRow> ReadRow(const db::Query& query) const;
  // What stands in this slot now: account and charge.
  std::optional<std::pair<std::string, size_t>> Standing(const Key& place, ObjectKind kind,
                                                         ByteView slot) const;
  void Forget(const std::string& account, size_t charge) {
    ledger_.Take(account, charge);
    --objects_;
    bytes_ -= charge;
  }

  db::Database db_;
  db::Statement insert_, erase_, find_, holds_, keys_, summaries_, standing_, expired_,
      erase_expired_, newest_;
  AccountLedger ledger_;
  size_t objects_ = 0;
  size_t bytes_ = 0;
  mutable absl::Status read_error_;
};

absl::Status SqliteTable::Impl::Prepare() {
  const std::pair<db::Statement*, const char*> statements[] = {
      {&insert_,
       "INSERT OR REPLACE INTO objects(place,kind,slot,sequence,expires,stored_at,account,digest,"
       "size,bytes) VALUES(?,?,?,?,?,?,?,?,?,?)"},
      {&erase_, "DELETE FROM objects WHERE place=? AND kind=? AND slot=?"},
      {&find_,
       "SELECT bytes,account,stored_at,digest,place FROM objects WHERE place=? AND kind>=? AND "
       "kind<=? ORDER BY kind,slot"},
      {&holds_, "SELECT 1 FROM objects WHERE place=? AND digest=?"},
      {&keys_,
       "SELECT DISTINCT place FROM objects WHERE place>=? AND place<=? ORDER BY place LIMIT ?"},
      {&summaries_,
       "SELECT place,kind,slot,sequence,expires,size FROM objects WHERE place>=? AND place<=? "
       "ORDER BY place,kind,slot LIMIT ?"},
      {&standing_, "SELECT account,size FROM objects WHERE place=? AND kind=? AND slot=?"},
      {&expired_, "SELECT account,size FROM objects WHERE expires<=?"},
      {&erase_expired_, "DELETE FROM objects WHERE expires<=?"},
      {&newest_,
       "SELECT bytes,account,stored_at,digest,place FROM objects WHERE account=? "
       "ORDER BY stored_at DESC, rowid DESC LIMIT 1"},
  };
  for (const auto& [statement, sql] : statements) {
    P2PD_ASSIGN_OR_RETURN(*statement, db_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status SqliteTable::Impl::CountUp() {
  P2PD_ASSIGN_OR_RETURN(const db::Statement all, db_.Prepare("SELECT account,size FROM objects"));
  db::Query query(all);
  db::Query::Step step = query.Next();
  for (; step == db::Query::Step::kRow; step = query.Next()) {
    ledger_.Add(ToText(query.Blob(0)), ChargeOf(query.Number(1)));
    bytes_ += ChargeOf(query.Number(1));
    ++objects_;
  }
  return step == db::Query::Step::kDone ? absl::OkStatus() : db_.Error("count the rows");
}

bool SqliteTable::Impl::NextRow(db::Query& query) const {
  const db::Query::Step step = query.Next();
  if (step == db::Query::Step::kFailed && read_error_.ok()) {
    read_error_ = db_.Error("read");
    P2PD_LOG(store, kError, read_error_.message());
  }
  return step == db::Query::Step::kRow;
}

std::optional<StoredRow> SqliteTable::Impl::ReadRow(const db::Query& query) const {
  std::optional<Object> object = ParseStored(query.Blob(0));
  const auto place = Key::FromView(query.Blob(4));
  if (!object || !place || object->digest().view() != query.Blob(3)) {
    if (read_error_.ok()) {
      read_error_ = db_.Damaged("read a row", "its digest does not fit");
      P2PD_LOG(store, kError, read_error_.message());
    }
    return std::nullopt;
  }
  return StoredRow{*std::move(object), ToText(query.Blob(1)), absl::FromUnixMicros(query.Number(2)),
                   *place};
}

std::optional<std::pair<std::string, size_t>> SqliteTable::Impl::Standing(const Key& place,
                                                                          ObjectKind kind,
                                                                          ByteView slot) const {
  db::Query query(standing_);
  query.Bind(place.view()).Bind(int64_t{kind}).Bind(slot);
  if (!NextRow(query)) return std::nullopt;
  return std::pair(ToText(query.Blob(0)), ChargeOf(query.Number(1)));
}

absl::StatusOr<std::unique_ptr<SqliteTable>> SqliteTable::Open(const std::string& path,
                                                               const SqliteOptions& options) {
  db::Settings settings;
  settings.max_pages = options.max_pages;
  P2PD_ASSIGN_OR_RETURN(db::Database database, db::Database::Open(path, Schema(), settings));
  auto impl = std::make_unique<Impl>(std::move(database));
  P2PD_RETURN_IF_ERROR(impl->Prepare());
  P2PD_RETURN_IF_ERROR(impl->CountUp());
  return std::unique_ptr<SqliteTable>(new SqliteTable(std::move(impl)));
}

SqliteTable::SqliteTable(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteTable::~SqliteTable() = default;

absl::Status SqliteTable::Insert(const StoredRow& row) {
  const Object& object = row.object;
  const auto before = impl_->Standing(row.place, object.kind(), object.slot());
  db::Query query(impl_->insert_);
  query.Bind(row.place.view())
      .Bind(int64_t{object.kind()})
      .Bind(object.slot())
      .Bind(static_cast<int64_t>(object.sequence().value()))
      .Bind(Micros(object.expires()))
      .Bind(Micros(row.stored_at))
      .Bind(AsBytes(row.account))
      .Bind(object.digest().view())
      .Bind(static_cast<int64_t>(object.bytes().size()))
      .Bind(object.bytes());
  if (!query.Run()) return impl_->db_.Error("store an object");
  if (before) impl_->Forget(before->first, before->second);
  const size_t charge = ChargeOf(static_cast<int64_t>(object.bytes().size()));
  impl_->ledger_.Add(row.account, charge);
  impl_->bytes_ += charge;
  ++impl_->objects_;
  return absl::OkStatus();
}

absl::Status SqliteTable::Erase(const Key& place, ObjectKind kind, ByteView slot) {
  const auto before = impl_->Standing(place, kind, slot);
  if (!before) return absl::OkStatus();
  db::Query query(impl_->erase_);
  query.Bind(place.view()).Bind(int64_t{kind}).Bind(slot);
  if (!query.Run()) return impl_->db_.Error("erase an object");
  impl_->Forget(before->first, before->second);
  return absl::OkStatus();
}

std::vector<StoredRow> SqliteTable::Find(const Key& place, std::optional<ObjectKind> kind) const {
  std::vector<StoredRow> rows;
  db::Query query(impl_->find_);
  query.Bind(place.view())
      .Bind(int64_t{kind ? *kind : 0})
      .Bind(int64_t{kind ? *kind : wire::v1::ObjectKind_MAX});
  while (impl_->NextRow(query)) {
    if (auto row = impl_->ReadRow(query)) rows.push_back(*std::move(row));
  }
  return rows;
}

bool SqliteTable::Holds(const Key& place, const pki::Sha256Digest& digest) const {
  db::Query query(impl_->holds_);
  query.Bind(place.view()).Bind(digest.view());
  return impl_->NextRow(query);
}

namespace {

struct Stretch {
  Key from;
  Key to;
};

// A range that wraps is two that do not.
std::vector<Stretch> Unwrap(const Key& from, const Key& to) {
  if (from <= to) return {Stretch{from, to}};
  Key highest;
  for (uint8_t& byte : highest.mutable_view()) byte = 0xff;
  return {Stretch{from, highest}, Stretch{Key(), to}};
}

}  // namespace

std::vector<Key> SqliteTable::KeysBetween(const Key& from, const Key& to, size_t limit) const {
  std::vector<Key> keys;
  for (const Stretch& arc : Unwrap(from, to)) {
    db::Query query(impl_->keys_);
    query.Bind(arc.from.view()).Bind(arc.to.view()).Bind(static_cast<int64_t>(limit - keys.size()));
    while (impl_->NextRow(query)) {
      if (const auto key = Key::FromView(query.Blob(0))) keys.push_back(*key);
    }
  }
  return keys;
}

std::vector<RowSummary> SqliteTable::SummariesBetween(const Key& from, const Key& to,
                                                      size_t limit) const {
  std::vector<RowSummary> rows;
  for (const Stretch& arc : Unwrap(from, to)) {
    db::Query query(impl_->summaries_);
    query.Bind(arc.from.view()).Bind(arc.to.view()).Bind(static_cast<int64_t>(limit - rows.size()));
    while (impl_->NextRow(query)) {
      const auto place = Key::FromView(query.Blob(0));
      if (!place) continue;
      rows.push_back(
          RowSummary{*place, static_cast<ObjectKind>(query.Number(1)), ToBytes(query.Blob(2)),
                     Sequence(static_cast<uint64_t>(query.Number(3))),
                     absl::FromUnixMicros(query.Number(4)), static_cast<size_t>(query.Number(5))});
    }
  }
  return rows;
}

size_t SqliteTable::EraseExpired(absl::Time now) {
  std::vector<std::pair<std::string, size_t>> gone;
  {
    db::Query query(impl_->expired_);
    query.Bind(Micros(now));
    while (impl_->NextRow(query))
      gone.emplace_back(ToText(query.Blob(0)), ChargeOf(query.Number(1)));
  }
  if (gone.empty()) return 0;
  db::Query query(impl_->erase_expired_);
  query.Bind(Micros(now));
  // A full disk refuses even this; they stay, are never given out, and go the next time.
  if (!query.Run()) return 0;
  for (const auto& [account, charge] : gone) impl_->Forget(account, charge);
  return gone.size();
}

size_t SqliteTable::total_objects() const { return impl_->objects_; }
size_t SqliteTable::total_bytes() const { return impl_->bytes_; }
size_t SqliteTable::BytesOf(const std::string& account) const {
  return impl_->ledger_.BytesOf(account);
}

std::optional<StoredRow> SqliteTable::NewestOfLargestAccount() const {
  const std::optional<std::string> account = impl_->ledger_.Largest();
  if (!account) return std::nullopt;
  db::Query query(impl_->newest_);
  query.Bind(AsBytes(*account));
  if (!impl_->NextRow(query)) return std::nullopt;
  return impl_->ReadRow(query);
}

const absl::Status& SqliteTable::read_error() const { return impl_->read_error_; }

absl::StatusOr<std::unique_ptr<db::Checkpointer>> OpenCheckpointer(const std::string& path) {
  return db::Checkpointer::Open(path, Schema());
}

}  // namespace p2pd::store

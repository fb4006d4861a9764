// Rack: several S-trackers in one process on a clock that jumps. Archive, federation, piece store
// and library are the real ones; the disk is the fake one that can die between two steps, the
// overlay is a map of records and a queue of letters, and BitTorrent is a copy from disk to disk.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/federation/federation.h"
#include "libcore/archive/pieces/disk_piece_store.h"
#include "libcore/archive/torrent/bencode.h"
#include "tests/unit/archive/pieces/fake_disk.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::federation {

struct RackOptions {
  int sites = 3;
  int copies = 2;
  uint64_t quota = uint64_t{1} << 40;
  absl::Duration grace = absl::Seconds(10);
  // A torrent of which nobody takes anything sleeps after so long.
  absl::Duration idle = absl::Hours(10);
  uint64_t seed = 1;
};

class Rack {
 public:
  // Each torrent is one group of so many pieces.
  static constexpr uint32_t kPiece = 16 << 10;
  static constexpr uint32_t kPieces = 2;
  // Pieces that one site fetches in a second.
  static constexpr int kRate = 8;
  static constexpr absl::Duration kDropGrace = absl::Seconds(2);

  struct Torrent {
    Bytes metainfo;
    Bytes content;
    torrent::InfoHash hash;
    std::string name;
    bool seeded = true;
  };

  struct Site {
    Site(int index, uint64_t seed) : number(index), chance(seed), disk(chance) {
      id.mutable_view()[0] = static_cast<uint8_t>(17 * number + 1);
      id.mutable_view()[19] = static_cast<uint8_t>(number);
    }
    const int number;
    MemberId id;
    SeededRng chance;
    pieces::FakeDisk disk;
    testing::TempFolder folder;
    std::map<std::string, Bytes> torrents;  // the folder Torrents
    uint64_t quota = 0;

    bool up = false;
    Counters counters;
    std::unique_ptr<pieces::PieceStore> store;
    std::unique_ptr<Library> library;
    std::unique_ptr<Archive> archive;
    std::unique_ptr<Federation> federation;
    std::map<torrent::InfoHash, std::unique_ptr<pieces::Holding>> holdings;
    std::map<torrent::InfoHash, uint64_t> served;
    std::set<torrent::InfoHash> sleeping;
    std::map<torrent::InfoHash, std::vector<uint32_t>> wanted;
    std::deque<std::pair<Instant, std::pair<torrent::InfoHash, pieces::Piece>>> punches;
    uint64_t fetched = 0;  // pieces
    uint64_t dropped = 0;
    uint64_t woken = 0;
  };

  explicit Rack(const RackOptions& options)
      : options_(options),
        rng_(options.seed),
        key_(*FederationKey::Make("rack", AsBytes(std::string(32, 's')))) {
    for (int i = 0; i < options.sites; ++i) AddSite();
  }

  Site& AddSite() {
    const int number = static_cast<int>(sites_.size());
    sites_.push_back(std::make_unique<Site>(number, options_.seed * 100 + number));
    sites_.back()->quota = options_.quota;
    Start(*sites_.back());
    return *sites_.back();
  }
  Site& site(int number) { return *sites_[number]; }
  size_t sites() const { return sites_.size(); }
  SeededRng& rng() { return rng_; }
  std::vector<Torrent>& torrents() { return torrents_; }
  Instant now() const { return now_; }
  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }

  // Another torrent, handed to one site, with a seeder.
  void Submit(int number) {
    Torrent torrent;
    torrent.name = absl::StrCat("torrent ", torrents_.size());
    torrent.content.resize(size_t{kPieces} * kPiece);
    SeededRng rng(1000 + torrents_.size());
    rng.Fill(absl::MakeSpan(torrent.content));
    torrent::BencodeWriter out;
    out.OpenDictionary().String("info").OpenDictionary();
    out.String("length").Integer(int64_t{kPieces} * kPiece).String("name").String(torrent.name);
    out.String("piece length").Integer(kPiece).String("pieces");
    std::string proofs;
    for (uint32_t i = 0; i < kPieces; ++i) {
      proofs += ToText(pki::Sha1(BytesOf(torrent, pieces::Piece(i))).view());
    }
    out.String(proofs).Close().Close();
    torrent.metainfo = out.Take();
    torrent.hash = torrent::ParseMetainfo(torrent.metainfo)->hashes.Best();
    torrents_.push_back(torrent);
    Site& site = *sites_[number];
    EXPECT_TRUE(site.archive->Submit(now_, Wall(), torrent.metainfo, Source::kSubmitted).ok());
    Obey(site);
  }

  void Run(int seconds) {
    for (int i = 0; i < seconds; ++i) Step();
  }
  // No word passes between the two.
  void Cut(int a, int b) { cut_.insert({std::min(a, b), std::max(a, b)}); }
  void Heal() { cut_.clear(); }

  // As kill -9.
  void Kill(Site& site) {
    site.up = false;
    site.archive.reset();
    site.federation.reset();
    site.library.reset();
    site.wanted.clear();
    site.sleeping.clear();
    site.punches.clear();
    // What the holdings would still do at their end, the disk does not.
    if (!site.disk.dead()) site.disk.DieAfter(0);
    site.holdings.clear();
    site.store.reset();
    site.disk.Restart();
  }

  void Start(Site& site) {
    site.store = *pieces::OpenDiskPieceStore({"/files", "/have"}, site.disk);
    site.library = *Library::Open(site.folder / "library.db");
    ArchiveOptions options;
    options.keeper.quota = site.quota;
    options.keeper.copies = options_.copies;
    options.keeper.holding_time = absl::Seconds(5);
    options.shared = true;
    options.idle = options_.idle;
    site.archive = std::make_unique<Archive>(options, *site.library, site.counters, now_);
    site.up = true;
    site.archive->Load(now_, [&site](const std::string& file) -> absl::StatusOr<Bytes> {
      const auto found = site.torrents.find(file);
      if (found == site.torrents.end()) return absl::NotFoundError("no such file");
      return found->second;
    });
    FederationOptions federation;
    federation.self = site.id;
    federation.grace = options_.grace;
    federation.record.quota = site.quota;
    federation.record.endpoints = {EndpointOf(site)};
    site.federation =
        std::make_unique<Federation>(federation, key_, rng_, site.counters, now_, Wall());
    site.archive->SetFellows(now_, site.federation.get());
    Obey(site);
  }

  // How many sites that are up hold all of the torrent, or would when somebody woke it.
  int CopiesOf(const Torrent& torrent) const {
    int out = 0;
    for (const auto& site : sites_) out += site->up && Holds(*site, torrent);
    return out;
  }
  int FewestCopies() const {
    int out = 1000;
    for (const Torrent& torrent : torrents_) out = std::min(out, CopiesOf(torrent));
    return out;
  }
  int HeldBy(const Site& site) const {
    int out = 0;
    for (const Torrent& torrent : torrents_) out += Holds(site, torrent) ? 1 : 0;
    return out;
  }
  // Everything that a site says it has is there, and right; of what sleeps, too.
  void CheckAdvertised(const Site& site) const {
    for (const Torrent& torrent : torrents_) {
      const auto view = site.up ? site.archive->Find(torrent.hash) : std::nullopt;
      const bool sleeps = view && view->row.state == TorrentState::kDormant;
      const auto opened = sleeps ? Opened(site, torrent) : nullptr;
      const auto holding = site.holdings.find(torrent.hash);
      pieces::Holding* const at =
          opened ? opened.get()
                 : (holding != site.holdings.end() ? holding->second.get() : nullptr);
      if (at == nullptr) continue;
      for (uint32_t i = 0; i < kPieces; ++i) {
        const pieces::Piece piece(i);
        if (!at->have().Has(piece) && !(sleeps && view->have[i])) continue;
        EXPECT_EQ(ReadFrom(*at, piece), BytesOf(torrent, piece))
            << torrent.name << " at site " << site.number << (sleeps ? ", asleep" : "");
      }
    }
  }
  int Sleeping(const Site& site) const { return static_cast<int>(site.sleeping.size()); }

  static Bytes BytesOf(const Torrent& torrent, pieces::Piece piece) {
    return ToBytes(ByteView(torrent.content).subspan(size_t{piece.value()} * kPiece, kPiece));
  }

 private:
  static net::Endpoint EndpointOf(const Site& site) {
    return *net::Endpoint::Parse(absl::StrCat("20.0.", site.number, ".1:6881"));
  }
  static Bytes ReadFrom(pieces::Holding& holding, pieces::Piece piece) {
    Bytes out(kPiece);
    if (!holding.Read({piece, 0, kPiece}, absl::MakeSpan(out)).ok()) return {};
    return out;
  }
  // Of one that sleeps, as the engine would open it when a peer asks.
  static std::unique_ptr<pieces::Holding> Opened(const Site& site, const Torrent& torrent) {
    const auto layout =
        pieces::Layout::Make(kPiece, {{torrent.name, uint64_t{kPieces} * kPiece, false}});
    auto holding = site.store->Open({torrent::ToHex(torrent.hash), torrent.name}, *layout);
    return holding.ok() ? *std::move(holding) : nullptr;
  }
  static bool Holds(const Site& site, const Torrent& torrent) {
    const auto holding = site.holdings.find(torrent.hash);
    if (holding != site.holdings.end()) return holding->second->have().IsFull();
    if (!site.sleeping.contains(torrent.hash)) return false;
    const auto opened = Opened(site, torrent);
    return opened != nullptr && opened->have().IsFull();
  }
  bool Reaches(const Site& a, const Site& b) const {
    return a.up && b.up &&
           !cut_.contains({std::min(a.number, b.number), std::max(a.number, b.number)});
  }
  Site* Find(const MemberId& id) {
    for (const auto& site : sites_) {
      if (site->id == id) return site.get();
    }
    return nullptr;
  }
  Torrent& Find(const torrent::InfoHash& hash) {
    for (Torrent& torrent : torrents_) {
      if (torrent.hash == hash) return torrent;
    }
    ADD_FAILURE() << "no such torrent";
    return torrents_.front();
  }

  void Step() {
    now_ = now_ + absl::Seconds(1);
    std::deque<std::pair<Instant, std::function<void()>>> later;
    later.swap(later_);
    for (auto& [at, task] : later) {
      if (at <= now_) {
        task();
      } else {
        later_.emplace_back(at, std::move(task));
      }
    }
    for (const auto& site : sites_) {
      if (site->up) Transfer(*site);
      if (site->up && !site->disk.dead()) Punch(*site);
      if (site->up && !site->disk.dead()) Think(*site);
      if (site->up && site->disk.dead()) Kill(*site);
    }
  }

  void Transfer(Site& site) {
    int left = kRate;
    for (const auto& [hash, wanted] : site.wanted) {
      const auto holding = site.holdings.find(hash);
      if (holding == site.holdings.end()) continue;
      for (const uint32_t index : wanted) {
        const pieces::Piece piece(index);
        if (left == 0 || site.disk.dead()) return;
        if (holding->second->have().Has(piece) || !Offered(site, hash, piece)) continue;
        --left;
        const Bytes bytes = BytesOf(Find(hash), piece);
        if (!holding->second->Write({piece, 0, kPiece}, bytes).ok()) continue;
        if (holding->second->Keep({piece}).ok()) ++site.fetched;
      }
    }
  }
  // Whether anybody whom the site reaches gives the piece; whoever says so has to have it.
  bool Offered(const Site& to, const torrent::InfoHash& hash, pieces::Piece piece) {
    const Torrent& torrent = Find(hash);
    if (torrent.seeded) return true;
    for (const auto& from : sites_) {
      if (from.get() == &to || !Reaches(to, *from)) continue;
      // Who connects wakes it.
      if (from->sleeping.contains(hash) && !from->disk.dead()) {
        Open(*from, hash);
        from->archive->OnWoken(now_, hash);
        Obey(*from);
      }
      const auto holding = from->holdings.find(hash);
      if (holding == from->holdings.end()) continue;
      if (from->disk.dead() || !holding->second->have().Has(piece)) continue;
      EXPECT_EQ(ReadFrom(*holding->second, piece), BytesOf(torrent, piece))
          << "site " << from->number << " offers what it does not have";
      from->served[hash] += kPiece;
      return true;
    }
    return false;
  }

  void Punch(Site& site) {
    while (!site.punches.empty() && site.punches.front().first <= now_) {
      const auto [hash, piece] = site.punches.front().second;
      site.punches.pop_front();
      site.holdings.at(hash)->Punch({piece}).IgnoreError();
    }
  }

  void Think(Site& site) {
    for (auto& [hash, holding] : site.holdings) {
      Look look;
      look.hash = hash;
      const bool seeded = Find(hash).seeded;
      for (uint32_t i = 0; i < kPieces; ++i) {
        const bool have = holding->have().Has(pieces::Piece(i));
        look.have.push_back(have);
      }
      look.organic.assign(kPieces, seeded ? 1 : 0);
      look.members.assign(kPieces, 0);
      look.uploaded = site.served[hash];
      site.archive->OnLook(now_, Wall(), std::move(look));
    }
    site.federation->OnTimeout(now_, Wall());
    site.archive->OnTimeout(now_);
    Obey(site);
  }

  void Obey(Site& site) {
    while (const auto event = site.federation ? site.federation->PollEvent() : std::nullopt) {
      if (const auto* promised = std::get_if<Promised>(&*event)) {
        site.archive->OnPromised(now_, promised->group, promised->promises);
      } else {
        site.archive->OnFellowsChanged(now_);
      }
    }
    while (site.federation && site.archive->TakesHeard()) {
      const auto hash = site.federation->PollHeard();
      if (!hash) break;
      site.archive->OnHeard(now_, Wall(), *hash);
    }
    while (const auto order = site.archive->PollOrder()) Obey(site, *order);
    while (const auto order = site.federation ? site.federation->PollOrder() : std::nullopt) {
      Carry(site, *order);
    }
  }

  // As the daemon does, but at once.
  void Read(Site& site, const ReadSamples& read) {
    absl::StatusOr<Bytes> out = Bytes();
    const auto metainfo = torrent::ParseMetainfo(Find(read.group.torrent).metainfo);
    if (!site.disk.dead() && site.archive->Rouse(now_, read.group.torrent)) Obey(site);
    const auto holding = site.holdings.find(read.group.torrent);
    for (const Sample& sample : SamplesOf(*metainfo, read.group, read.nonce)) {
      Bytes bytes(sample.length);
      const absl::Status status =
          holding == site.holdings.end() || site.disk.dead()
              ? absl::NotFoundError("not here")
              : holding->second->Read({pieces::Piece(sample.piece), sample.offset, sample.length},
                                      absl::MakeSpan(bytes));
      if (!status.ok()) {
        out = status;
        break;
      }
      Append(*out, bytes);
    }
    site.federation->OnRead(now_, read.id, out);
  }

  void Obey(Site& site, const Order& order) {
    if (const auto* start = std::get_if<StartTorrent>(&order)) {
      Open(site, start->hash);
    } else if (const auto* fetch = std::get_if<FetchMetainfo>(&order)) {
      const torrent::InfoHash hash = fetch->hashes.Best();
      After(absl::Seconds(1), [this, &site, hash] { GiveMetainfo(site, hash); });
    } else if (const auto* save = std::get_if<SaveMetainfo>(&order)) {
      site.torrents[save->file] = save->metainfo;
    } else if (const auto* want = std::get_if<WantPieces>(&order)) {
      site.wanted[want->hash] = want->pieces;
    } else if (const auto* drop = std::get_if<DropPieces>(&order)) {
      std::vector<pieces::Piece> pieces;
      for (const uint32_t piece : drop->pieces) pieces.emplace_back(piece);
      site.dropped += pieces.size();
      site.holdings.at(drop->hash)->Hide(pieces).IgnoreError();
      for (const pieces::Piece piece : pieces) {
        site.punches.push_back({now_ + kDropGrace, {drop->hash, piece}});
      }
    } else if (const auto* sleep = std::get_if<SleepTorrent>(&order)) {
      Close(site, sleep->hashes.Best());
    } else if (const auto* held = std::get_if<TellHeld>(&order)) {
      if (site.federation) site.federation->SetHeld(held->hash, held->groups);
    } else if (const auto* room = std::get_if<TellRoom>(&order)) {
      if (site.federation) site.federation->SetRoom(room->full, room->used);
    } else if (const auto* ask = std::get_if<AskToKeep>(&order)) {
      if (site.federation) site.federation->AskToKeep(now_, ask->group, ask->holders);
    }
  }

  void Open(Site& site, const torrent::InfoHash& hash) {
    site.woken += site.sleeping.erase(hash);
    if (site.holdings.contains(hash)) return;
    const Torrent& torrent = Find(hash);
    auto holding = Opened(site, torrent);
    if (holding == nullptr) return;
    for (const pieces::Piece piece : holding->Doubtful()) {
      (void)holding->Scrub(piece, {.v1 = pki::Sha1(BytesOf(torrent, piece)), .v2 = {}});
    }
    site.holdings[hash] = std::move(holding);
  }
  // Its place is closed, which gives back what was dropped.
  void Close(Site& site, const torrent::InfoHash& hash) {
    site.sleeping.insert(hash);
    site.wanted.erase(hash);
    std::erase_if(site.punches, [&hash](const auto& punch) { return punch.second.first == hash; });
    const auto holding = site.holdings.extract(hash);
    if (holding) {
      holding.mapped()->Punch(pieces::PieceSet::Full(kPieces).List()).IgnoreError();
    }
  }

  void GiveMetainfo(Site& site, const torrent::InfoHash& hash) {
    if (!site.up || site.disk.dead()) return;
    for (const auto& from : sites_) {
      const bool has = from->holdings.contains(hash) || from->sleeping.contains(hash);
      if (from.get() == &site || !Reaches(site, *from) || !has) continue;
      site.archive->OnMetainfo(now_, Wall(), hash, Find(hash).metainfo);
      return Obey(site);
    }
  }

  void After(absl::Duration delay, std::function<void()> task) {
    later_.emplace_back(now_ + delay, std::move(task));
  }

  void Carry(Site& site, const FederationOrder& order) {
    if (const auto* offer = std::get_if<OfferRecord>(&order)) {
      FoundRecord& record = records_[site.id];
      if (record.sequence < offer->sequence) {
        record = {site.id, offer->sequence, Wall() + offer->lifetime, offer->description};
      }
    } else if (std::holds_alternative<SearchRecords>(order)) {
      std::vector<FoundRecord> found;
      for (const auto& [id, record] : records_) {
        if (record.expires > Wall()) found.push_back(record);
      }
      site.federation->OnSearched(now_, Wall(), found);
    } else if (const auto* ask = std::get_if<AskMember>(&order)) {
      Ask(site, *ask);
    } else if (const auto* read = std::get_if<ReadSamples>(&order)) {
      Read(site, *read);
    } else if (const auto* said = std::get_if<AnswerMember>(&order)) {
      const auto answer = answers_.extract(said->token);
      if (answer) answer.mapped()(said->payload);
    }
  }

  void Ask(Site& site, const AskMember& ask) {
    Site* const to = Find(ask.to);
    // A process that was killed meanwhile does not hear the answer to what another asked.
    const Federation* const asker = site.federation.get();
    const auto answer = [this, &site, asker, id = ask.id](absl::StatusOr<Bytes> what) {
      if (!site.up || site.federation.get() != asker) return;
      site.federation->OnAnswer(now_, id, what);
      Obey(site);
    };
    if (to == nullptr || !Reaches(site, *to)) {
      After(absl::Seconds(5), [answer] { answer(absl::DeadlineExceededError("silent")); });
      return;
    }
    After(absl::Seconds(1), [this, &site, to, answer, payload = ask.payload] {
      if (!Reaches(site, *to) || to->disk.dead()) {
        return After(absl::Seconds(4), [answer] { answer(absl::DeadlineExceededError("silent")); });
      }
      last_token_ = last_token_.Next();
      answers_[last_token_] = answer;
      to->federation->OnQuestion(
          now_, site.id, last_token_, payload,
          [this, to](const GroupId& group) { return to->archive->MayPromise(now_, group); });
      Obey(*to);
    });
  }

  const RackOptions options_;
  SeededRng rng_;
  const FederationKey key_;
  Instant now_ = Instant::FromNanos(1'000'000'000);
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<Torrent> torrents_;
  std::map<MemberId, FoundRecord> records_;
  std::set<std::pair<int, int>> cut_;
  std::deque<std::pair<Instant, std::function<void()>>> later_;
  // What waits for an answer.
  std::map<QuestionToken, std::function<void(absl::StatusOr<Bytes>)>> answers_;
  QuestionToken last_token_;
};

}  // namespace p2pd::archive::federation

// People who watch each other: how soon a change is seen, and what it costs to have contacts.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/scenario_store.h"
#include "tests/sim/p2pd_sim/village.h"

namespace p2pd::sim {
namespace {

using presence::Availability;

// Everything that one thing causes is over after this.
constexpr absl::Duration kSeenWithin = absl::Minutes(2);
// The same person does two things so far apart.
constexpr absl::Duration kRest = absl::Minutes(3);
// Somewhere somebody does something, on average.
constexpr absl::Duration kEvery = absl::Seconds(6);
// Offline may be shown of who was there no longer ago: a lease of 30 s, then two hellos of 5 s.
constexpr absl::Duration kOfflineShown = absl::Minutes(1);

enum class Act { kChange, kLogin, kLogout, kKill, kReturn };

absl::string_view NameOf(Act act) {
  switch (act) {
    case Act::kChange:
      return "away, busy, online again";
    case Act::kLogin:
      return "log-in";
    case Act::kLogout:
      return "log-out";
    case Act::kKill:
      return "kill";
    case Act::kReturn:
      return "return after a kill";
  }
  return "";
}

struct Deed {
  Instant at;
  size_t person = 0;
  Act act = Act::kChange;
  Availability now = Availability::kOnline;
};

// What people do, and what their watchers are shown.
class Watching {
 public:
  explicit Watching(Village& village) : village_(village), shown_(village.people()) {
    for (size_t i = 0; i < village.people(); ++i) {
      shown_[i] = Availability::kOnline;
      deeds_.push_back({village.world().now() - kRest, i, Act::kLogin, Availability::kOnline});
      village.host(i).history.clear();
    }
  }

  void RunFor(absl::Duration span) {
    const Instant until = village_.world().now() + span;
    while (true) {
      const absl::Duration pause = kEvery * -std::log(1 - village_.rng().Unit());
      if (village_.world().now() + pause >= until) break;
      village_.world().RunFor(pause);
      DoSomething();
    }
    village_.world().RunFor(until - village_.world().now());
    village_.world().RunFor(kSeenWithin);
  }

  void Judge() {
    for (const Deed& deed : deeds_) {
      for (const size_t watcher : village_.FriendsOf(deed.person)) JudgeDeed(deed, watcher);
    }
    for (size_t i = 0; i < village_.people(); ++i) CountFalseOffline(i);
  }

  std::map<Act, Sample> seen;  // ms
  std::map<Act, uint64_t> unseen;
  uint64_t false_offline = 0;
  std::vector<std::string> false_offlines;  // in words

 private:
  std::string FalseOffline(size_t watcher, size_t person, Instant at) const {
    const auto since = [&](size_t who) {
      const Deed* last = nullptr;
      for (const Deed& deed : deeds_) {
        if (deed.person == who && deed.at <= at) last = &deed;
      }
      return absl::StrCat(std::string(NameOf(last->act)), " of ", Village::EmailOf(who), " ",
                          absl::FormatDuration(at - last->at), " before");
    };
    return absl::StrCat("at ", absl::FormatDuration(at - Instant()), " ", Village::EmailOf(watcher),
                        " was shown ", Village::EmailOf(person), " as offline, who was there (",
                        since(person), ", ", since(watcher), ")");
  }
  void DoSomething() {
    const Instant now = village_.world().now();
    const size_t person = village_.rng().Below(village_.people());
    if (now - LastDeed(person).at < kRest) return;
    PresenceHost& host = village_.host(person);
    Deed deed{now, person, Act::kChange, Availability::kOffline};
    if (!host.up()) {
      deed.act = Act::kReturn;
      deed.now = shown_[person];
      village_.Return(person);
    } else if (!village_.LoggedIn(person)) {
      deed.act = Act::kLogin;
      deed.now = shown_[person];
      host.presence().Login(now, "");
    } else {
      const uint64_t die = village_.rng().Below(10);
      deed.act = die < 2 ? Act::kLogout : die < 4 ? Act::kKill : Act::kChange;
      if (deed.act == Act::kLogout) host.presence().Logout(now, "");
      if (deed.act == Act::kKill) host.Crash();
      if (deed.act == Act::kChange) deed.now = Change(now, person);
    }
    host.Kick();
    deeds_.push_back(deed);
  }

  Availability Change(Instant now, size_t person) {
    constexpr Availability kAll[] = {Availability::kOnline, Availability::kAway,
                                     Availability::kBusy};
    Availability next = shown_[person];
    while (next == shown_[person]) next = kAll[village_.rng().Below(3)];
    shown_[person] = next;
    P2PD_CHECK(village_.host(person).presence().SetAvailability(now, "", next).ok());
    return next;
  }

  const Deed& LastDeed(size_t person) const {
    return *std::find_if(deeds_.rbegin(), deeds_.rend(),
                         [&](const Deed& deed) { return deed.person == person; });
  }

  // True when the person was logged in at every moment of the span.
  bool ThereAllTheTime(size_t person, Instant from, Instant to) const {
    bool there = true;
    for (const Deed& deed : deeds_) {
      if (deed.person != person || deed.at > to) continue;
      const bool away = deed.now == Availability::kOffline;
      if (deed.at <= from) {
        there = !away;
      } else if (away) {
        there = false;
      }
    }
    return there;
  }

  void JudgeDeed(const Deed& deed, size_t watcher) {
    const Instant from = deed.at;
    if (from + kRest <= start_ || !ThereAllTheTime(watcher, from - kRest, from + kSeenWithin)) {
      return;
    }
    for (const PresenceHost::Shown& shown : village_.host(watcher).history) {
      if (shown.at < from || shown.at > from + kSeenWithin) continue;
      if (shown.email != Village::EmailOf(deed.person) || shown.availability != deed.now) continue;
      seen[deed.act].Add(absl::ToDoubleMilliseconds(shown.at - from));
      return;
    }
    ++unseen[deed.act];
  }

  void CountFalseOffline(size_t watcher) {
    for (const size_t person : village_.FriendsOf(watcher)) {
      for (const PresenceHost::Shown& shown : village_.host(watcher).history) {
        if (shown.email == Village::EmailOf(person) &&
            shown.availability == Availability::kOffline &&
            ThereAllTheTime(person, shown.at - kOfflineShown, shown.at)) {
          ++false_offline;
          false_offlines.push_back(FalseOffline(watcher, person, shown.at));
        }
      }
    }
  }

  Village& village_;
  Instant start_ = village_.world().now() + absl::Nanoseconds(1);
  std::vector<Availability> shown_;  // what each person shows when there
  std::vector<Deed> deeds_;
};

absl::StatusOr<std::unique_ptr<Village>> MakeVillage(const RunOptions& options,
                                                     VillageOptions village) {
  // Who logs in and out by the hundred is no news.
  SetLogLevel(LogLevel::kWarn);
  village.seed = options.seed;
  village.people = options.nodes.value_or(village.people);
  SetLink(options, village.link);
  village.broken_pairs = options.broken_pairs.value_or(village.broken_pairs);
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<LatencyModel> latency,
                        MakeLatency(options.latency, options.seed));
  return std::make_unique<Village>(village, std::move(latency));
}

}  // namespace

absl::StatusOr<Report> RunWatchers(const RunOptions& options) {
  VillageOptions defaults;
  P2PD_ASSIGN_OR_RETURN(Report report,
                        BeginReport("watchers", options, options.nodes.value_or(defaults.people)));
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<Village> village, MakeVillage(options, defaults));
  village->Start();
  village->Befriend();
  village->world().RunFor(absl::Minutes(2));
  size_t pairs = 0;
  size_t seen = 0;
  for (size_t i = 0; i < village->people(); ++i) {
    pairs += village->FriendsOf(i).size();
    seen += village->Shown(i, Availability::kOnline);
  }
  if (seen != pairs) {
    report.violations.push_back(absl::StrCat("two minutes after they met ", pairs - seen, " of ",
                                             pairs, " watchers do not see a person who is there"));
  }
  Watching watching(*village);
  watching.RunFor(options.duration.value_or(absl::Minutes(30)));
  watching.Judge();
  report.Add("watchers that saw everybody at first",
             100.0 * static_cast<double>(seen) / static_cast<double>(pairs), "%");
  for (const Act act : {Act::kChange, Act::kLogin, Act::kLogout, Act::kKill, Act::kReturn}) {
    const Sample& sample = watching.seen[act];
    const std::string name(NameOf(act));
    report.Add(absl::StrCat(name, ", sightings"), static_cast<double>(sample.count()), "");
    report.Add(absl::StrCat(name, ", median"), sample.Quantile(0.5), "ms");
    report.Add(absl::StrCat(name, ", p99"), sample.Quantile(0.99), "ms");
    report.Add(absl::StrCat(name, ", most"), sample.Quantile(1), "ms");
    const uint64_t unseen = watching.unseen[act];
    if (unseen != 0) {
      report.violations.push_back(
          absl::StrCat(name, ": ", unseen, " watchers were not shown it within two minutes"));
    }
  }
  report.latency = watching.seen[Act::kChange];
  report.latency_of = "change that is seen";
  report.Add("false offline", static_cast<double>(watching.false_offline), "");
  for (std::string& text : watching.false_offlines) report.violations.push_back(std::move(text));
  for (const Act act : {Act::kChange, Act::kLogin, Act::kLogout, Act::kReturn}) {
    report.Add(absl::StrCat("target: ", NameOf(act), " is seen, p99"),
               watching.seen[act].Quantile(0.99), "ms", AtMost(2000));
  }
  report.trace_hash = village->world().trace_hash();
  return report;
}

absl::StatusOr<Report> RunContacts(const RunOptions& options) {
  constexpr int kOffline = 90;
  VillageOptions defaults;
  defaults.people = 128;
  defaults.distances = {1, 2, 5, 11, 23};
  const int people = options.nodes.value_or(defaults.people);
  P2PD_ASSIGN_OR_RETURN(Report report, BeginReport("contacts", options, people));
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<Village> village, MakeVillage(options, defaults));
  village->Start();
  village->Befriend();
  village->AddStrangers(std::max(10 * people, kOffline), kOffline);
  // Long enough for the leases of subscriptions to have grown: one renewal every 20 s at most.
  village->world().RunFor(absl::Minutes(80));
  village->ResetTraffic();
  const Instant from = village->world().now();
  village->world().RunFor(options.duration.value_or(absl::Hours(1)));
  const double node_seconds =
      absl::ToDoubleSeconds(village->world().now() - from) * static_cast<double>(people);
  const Village::Traffic traffic = village->traffic();
  const auto add = [&](absl::string_view name, double bytes) {
    report.Add(std::string(name), bytes / node_seconds, "B/s a node");
  };
  const auto of = [&](overlay::Purpose purpose) {
    return static_cast<double>(traffic.purposes.messages[static_cast<size_t>(purpose)].bytes);
  };
  const double requests = of(overlay::Purpose::kRequest) + of(overlay::Purpose::kAnswer);
  const auto links = static_cast<double>(traffic.overlay);
  report.Add("in all", (links + static_cast<double>(traffic.sessions)) / node_seconds, "B/s a node",
             AtMost(200));
  add("sessions: leases, hellos", static_cast<double>(traffic.sessions));
  add("links between nodes", links);
  add("links: requests and answers of the store", requests);
  report.Add("links: the overlay and the datagrams round all", (links - requests) / node_seconds,
             "B/s a node", AtMost(60));
  add("links: membership", of(overlay::Purpose::kMembership));
  add("links: prefix table", of(overlay::Purpose::kTable));
  add("links: probes", of(overlay::Purpose::kProbe));
  size_t online = 0;
  size_t offline = 0;
  for (size_t i = 0; i < village->people(); ++i) {
    online += village->Shown(i, Availability::kOnline);
    offline += village->Shown(i, Availability::kOffline);
  }
  const auto all = static_cast<double>(people);
  report.Add("contacts shown as online", static_cast<double>(online) / all, "a node");
  report.Add("contacts shown as offline", static_cast<double>(offline) / all, "a node");
  size_t friends = 0;
  for (size_t i = 0; i < village->people(); ++i) friends += village->FriendsOf(i).size();
  if (online != friends) report.violations.push_back("everybody who is there is shown as online");
  if (offline != static_cast<size_t>(people) * kOffline) {
    report.violations.push_back("everybody who is not there is shown as offline");
  }
  report.trace_hash = village->world().trace_hash();
  return report;
}

}  // namespace p2pd::sim

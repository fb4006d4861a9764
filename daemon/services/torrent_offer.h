// TorrentOffer: one torrent that is handed to S-trackers over the overlay: finds those who offer
// themselves, signs a request for each, and asks until as many took it as shall.
//
// Threads: core. Limits: kMaxAsked; one RPC holds one of them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "daemon/services/unary.h"
#include "libcore/archive/submission/submission.h"
#include "p2pd/v1/torrent_service.pb.h"

namespace p2pd::daemon {

class TorrentOffer : public std::enable_shared_from_this<TorrentOffer> {
 public:
  static constexpr int kMaxCopies = 8;
  static constexpr int kUsualCopies = 2;
  // Of those who offer themselves so many are asked at most, one after the other.
  static constexpr size_t kMaxAsked = 16;
  static constexpr absl::Duration kSearchTimeout = absl::Seconds(10);
  static constexpr absl::Duration kAskTimeout = absl::Seconds(5);

  // Replies when it is done. `request` and `response` live until then.
  static void Start(NodeHost& host, const v1::OfferTorrentRequest& request,
                    v1::OfferTorrentResponse& response, Reply reply);

 private:
  TorrentOffer(NodeHost& host, const v1::OfferTorrentRequest& request,
               v1::OfferTorrentResponse& response, Reply reply)
      : host_(host), request_(request), response_(response), reply_(std::move(reply)) {}
  void Search();
  void OnFound(const node::Completed& completed);
  void AskNext();
  absl::StatusOr<Bytes> RequestFor(const overlay::NodeRecord& node);
  void OnAnswer(const overlay::NodeRecord& node, const node::Completed& completed);
  void Note(const overlay::NodeRecord& node, bool taken, std::string problem);
  void Finish();

  NodeHost& host_;
  const v1::OfferTorrentRequest& request_;
  v1::OfferTorrentResponse& response_;
  Reply reply_;
  archive::submission::Content content_;
  std::string identity_;
  int copies_ = kUsualCopies;
  int taken_ = 0;
  std::deque<overlay::NodeRecord> found_;
};

}  // namespace p2pd::daemon

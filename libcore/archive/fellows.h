// Fellows: the other S-trackers that share the work, as the archive sees them; federation/ has the
// real ones. Threads: those of the archive.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcore/archive/placement.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive {

class Fellows {
 public:
  virtual ~Fellows() = default;

  virtual const MemberId& self() const = 0;
  // Who is there is known by now; before, nothing is fetched or dropped.
  virtual bool settled() const = 0;
  // Another number when Present says something else.
  virtual uint64_t generation() const = 0;
  // Among whom groups are placed: those who are there, ourselves included.
  virtual const std::vector<Member>& Present() const = 0;
  // Whether it takes nothing new for want of room.
  virtual bool IsFull(const MemberId& member) const = 0;
  // Who of the others says that it holds some of the torrent, and which groups; one bit each.
  struct Holding {
    MemberId member;
    const std::vector<bool>* groups = nullptr;  // until the next input
  };
  virtual std::vector<Holding> HeldOf(const torrent::InfoHash& torrent) const = 0;
  // Where BitTorrent reaches those of the others who know the torrent.
  virtual std::vector<net::Endpoint> SourcesOf(const torrent::InfoHash& torrent) const = 0;
  // The same, of those who hold some of it.
  virtual std::vector<net::Endpoint> HoldersAt(const torrent::InfoHash& torrent) const = 0;
  // Announce URLs of the others' trackers, a tier each.
  virtual std::vector<std::string> Trackers() const = 0;
};

}  // namespace p2pd::archive

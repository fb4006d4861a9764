// Drawings: a torrent's pieces and its history as SVG within a page, without script or style of
// their own: the page's style sheet knows the classes.
//
// Rules: each drawing says in its title what it shows, for those who hear a page. Its size is
// bounded whatever the torrent: kMaxCells cells, kMaxPoints points. Threads: values.
// Sources: SVG 2; WCAG 2.2, 1.4.1 (never by colour alone).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libcore/archive/archive.h"

namespace p2pd::archive::catalogue {

inline constexpr size_t kMaxCells = 500;
inline constexpr size_t kMaxPoints = 200;

// Neighbouring pieces as one.
struct Cell {
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t copies = 0;  // of the rarest of them
  bool here = false;    // all of them
  friend bool operator==(const Cell&, const Cell&) = default;
};
// At most kMaxCells, each of the same number of pieces but the last. `copies` and `have` are of one
// length.
std::vector<Cell> CellsOf(absl::Span<const uint32_t> copies, const Pieces& have);

// A square a cell, coloured by copies, hollow where not all of it is here; empty for no cells.
std::string DrawPieces(absl::Span<const Cell> cells);
// Total and organic availability over time; `history` is the oldest first. Empty for fewer than two
// readings.
std::string DrawHistory(absl::Span<const Reading> history);

}  // namespace p2pd::archive::catalogue

// ProgressLine: how far something long has come, on one line of the terminal that is written over.
//
// Rules: on standard error, so that answers stay clean, and only where that is a terminal; at most
// ten times a second. Threads: one owner.
#pragma once

#include <chrono>
#include <string>

namespace p2pd::cli {

// "[######----]  61 %  words", `width` columns wide; nothing but words where it is too narrow for
// more. `share` is 0..1.
std::string ProgressText(double share, const std::string& words, int width);

class ProgressLine {
 public:
  ProgressLine();
  // Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(double share, const std::string& words);
  // Something else is going to be printed.
  void Clear();
  // Whether anybody sees it.
  bool visible() const { return visible_; }

 private:
  const bool visible_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace p2pd::cli

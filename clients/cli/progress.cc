#include "clients/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace p2pd::cli {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(100);
constexpr int kUsualWidth = 80;
constexpr int kLongestBar = 40;
constexpr int kShortestBar = 5;

int TerminalWidth() {
  struct winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualWidth;
  return size.ws_col;
}

}  // namespace

std::string ProgressText(double share, const std::string& words, int width) {
  share = std::clamp(share, 0.0, 1.0);
  // Rounded down: 100 % is all of it.
  const std::string tail =
      absl::StrFormat(" %3d %%  %s", static_cast<int>(std::floor(100 * share)), words);
  // The last column stays free, or some terminals go to the next line.
  const int bar = std::min(kLongestBar, width - 3 - static_cast<int>(tail.size()));
  if (bar < kShortestBar) return words.substr(0, static_cast<size_t>(std::max(width - 1, 0)));
  const auto full = static_cast<size_t>(std::floor(share * bar));
  return absl::StrCat("[", std::string(full, '#'),
                      std::string(static_cast<size_t>(bar) - full, '-'), "]", tail);
}

ProgressLine::ProgressLine() : visible_(isatty(STDERR_FILENO) == 1) {}
ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Show(double share, const std::string& words) {
  if (!visible_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kPeriod;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s", ProgressText(share, words, TerminalWidth()).c_str());
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace p2pd::cli

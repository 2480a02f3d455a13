#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

/// 42 -> "42 s", 130 -> "2 min 10 s", 8000 -> "2 h 13 min".
std::string duration_text(double seconds);

/// 3.2e6 -> "3.2 MB" (powers of 1000).
std::string bytes_text(double bytes);

/// What a progress bar shows.
struct ProgressView {
  std::string label;
  int64_t done = 0, total = 0;
  double seconds = 0;       // since the start of this process's part
  int64_t done_before = 0;  // steps that an earlier process did: not counted in the speed
  std::string detail;       // "loss 0.512  1840 images/s"
};

/// One line of at most `width` columns: label, bar, percentage, detail, time left. The bar gives way first, then the
/// detail is cut.
std::string progress_line(const ProgressView& view, int width, bool color);

/// A bar on a terminal, redrawn at most 10 times a second, without colour where NO_COLOR is set; one line per 10 per
/// cent where the file is no terminal; nothing with `quiet`.
class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t done_before = 0, bool quiet = false, int file = 2);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Leaves the terminal on a fresh line.
  ~Progress();

  void update(int64_t done, std::string_view detail);
  /// A line of text above the bar.
  void print(std::string_view line);

 private:
  void draw();
  void clear();
  void write(std::string_view text) const;

  using Clock = std::chrono::steady_clock;
  ProgressView view_;
  bool quiet_;
  int file_;
  bool terminal_ = false, color_ = false, drawn_ = false;
  int64_t tenth_ = 0;  // last tenth that was printed
  Clock::time_point start_ = Clock::now(), last_ = {};
};

}  // namespace strata

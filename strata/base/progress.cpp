#include "strata/base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace strata {
namespace {

constexpr std::chrono::milliseconds kBetweenDraws{100};

int terminal_width(int file) {
  winsize size{};
  return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string time_left(const ProgressView& view) {
  const int64_t here = view.done - view.done_before;
  if (here <= 0 || view.seconds <= 0) return "";
  if (view.done >= view.total) return duration_text(view.seconds);
  return duration_text(view.seconds / static_cast<double>(here) * static_cast<double>(view.total - view.done)) +
         " left";
}

double fraction(const ProgressView& view) {
  return view.total > 0 ? std::clamp(static_cast<double>(view.done) / static_cast<double>(view.total), 0.0, 1.0) : 1.0;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) bytes /= 1000, ++unit;
  return bytes < 9.95 && unit > 0 ? fmt::format("{:.1f} {}", bytes, kUnits[unit])
                                  : fmt::format("{:.0f} {}", bytes, kUnits[unit]);
}

std::string progress_line(const ProgressView& view, int width, bool color) {
  const std::string left = time_left(view);
  std::string head = fmt::format("{} {:3.0f} %", view.label, std::floor(100 * fraction(view)));
  std::string tail = fmt::format("  {}/{}", view.done, view.total);
  if (!view.detail.empty()) tail += "  " + view.detail;
  if (!left.empty()) tail += "  " + left;
  const int rest = width - 1 - static_cast<int>(head.size() + tail.size());
  std::string bar;
  if (rest >= 8) {
    const int cells = std::min(rest - 1, 30);
    const int full = static_cast<int>(std::floor(fraction(view) * cells));
    std::string filled, open;
    for (int i = 0; i < cells; ++i) (i < full ? filled : open) += i < full ? "━" : "─";
    bar = " " + (color ? "\x1b[36m" + filled + "\x1b[90m" + open + "\x1b[0m" : filled + open);
  }
  if (rest < 0)
    tail.resize(std::max<size_t>(0, tail.size() - std::min<size_t>(tail.size(), static_cast<size_t>(-rest))));
  return head + bar + tail;
}

Progress::Progress(std::string label, int64_t total, int64_t done_before, bool quiet, int file)
    : quiet_(quiet), file_(file) {
  view_ = {.label = std::move(label), .done = done_before, .total = total, .done_before = done_before};
  terminal_ = isatty(file) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  color_ = terminal_ && (no_color == nullptr || *no_color == '\0');
  tenth_ = static_cast<int64_t>(10 * fraction(view_));
}

Progress::~Progress() {
  if (drawn_) {
    draw();
    write("\n");
  }
}

void Progress::update(int64_t done, std::string_view detail) {
  if (quiet_) return;
  const auto now = Clock::now();
  view_.done = done;
  view_.detail = detail;
  view_.seconds = std::chrono::duration<double>(now - start_).count();
  if (terminal_) {
    if (now - last_ < kBetweenDraws && done < view_.total) return;
    last_ = now;
    draw();
    return;
  }
  const auto tenth = static_cast<int64_t>(10 * fraction(view_));
  if (tenth == tenth_) return;
  tenth_ = tenth;
  write(progress_line(view_, 1000, false) + "\n");
}

void Progress::print(std::string_view line) {
  if (quiet_) return;
  clear();
  write(std::string(line) + "\n");
  if (drawn_) draw();
}

void Progress::draw() {
  clear();
  write(progress_line(view_, terminal_width(file_), color_));
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) write("\r\x1b[2K");
}

void Progress::write(std::string_view text) const {
  // Best effort: a closed terminal must not stop training.
  while (!text.empty()) {
    const ssize_t count = ::write(file_, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace strata

#include "strata/text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace strata {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopStrings::push(std::string_view piece) {
  if (stopped()) return "";
  held_ += piece;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_)
    if (const size_t at = held_.find(stop); at < first) {
      first = at;
      found_ = stop;
    }
  if (stopped()) {
    std::string text = held_.substr(0, first);
    held_.clear();
    return text;
  }
  // The longest end that begins a stop text stays.
  size_t kept = 0;
  for (const std::string& stop : stops_)
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > kept; --length)
      if (held_.ends_with(std::string_view(stop).substr(0, length))) kept = length;
  std::string text = held_.substr(0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return text;
}

std::string StopStrings::finish() {
  return std::exchange(held_, {});
}

}  // namespace strata

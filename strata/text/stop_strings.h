#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// Finds texts that end the output in a stream of pieces, across their borders. What may be the begin of one is held
/// back until it is clear.
class StopStrings {
 public:
  /// Empty texts are passed over.
  explicit StopStrings(std::vector<std::string> stops);

  /// What is surely text of the output: nothing of a stop text, nor of what follows one.
  std::string push(std::string_view piece);
  /// What was held back when the output ended otherwise.
  std::string finish();

  /// Whether one was found; which one.
  bool stopped() const { return !found_.empty(); }
  const std::string& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string found_;
};

}  // namespace strata

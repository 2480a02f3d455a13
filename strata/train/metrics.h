#pragma once

#include <cstdint>
#include <string>

namespace strata {

/// metrics.jsonl of a run: one JSON object per line, {"step": 10, "train/loss": 1.9, ...}. A resumed run takes lines
/// beyond its checkpoint away first, so that the file reads as that of an uninterrupted run.
class Metrics {
 public:
  /// Throws Error when the file cannot be written.
  Metrics(std::string path, int64_t resumed_step);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  void add(const std::string& name, double value);  // what is not finite becomes null
  void add(const std::string& name, const std::string& value);
  /// Appends what was added as the line of `step`. Throws Error on a full disk.
  void write(int64_t step);

 private:
  std::string path_, fields_;
  int file_ = -1;
};

}  // namespace strata

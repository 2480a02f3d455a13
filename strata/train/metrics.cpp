#include "strata/train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostMetrics = uint64_t{1} << 30;

// The lines of steps up to `step`; a line that a crash cut off is left out.
std::string lines_up_to(const std::string& text, int64_t step) {
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("step") && json["step"].is_number_integer() &&
        json["step"].get<int64_t>() <= step)
      kept += line + "\n";
  }
  return kept;
}

}  // namespace

Metrics::Metrics(std::string path, int64_t resumed_step) : path_(std::move(path)) {
  std::error_code error;
  if (std::filesystem::exists(path_, error))
    write_file_atomic(path_, lines_up_to(read_text(path_, kMostMetrics), resumed_step));
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path_, ": cannot be written: ", std::strerror(errno));
}

Metrics::~Metrics() {
  ::close(file_);
}

void Metrics::add(const std::string& name, double value) {
  fields_ += ", " + Json(name).dump() + ": " + (std::isfinite(value) ? Json(value).dump() : "null");
}

void Metrics::add(const std::string& name, const std::string& value) {
  fields_ += ", " + Json(name).dump() + ": " + Json(value).dump();
}

void Metrics::write(int64_t step) {
  const std::string line = "{\"step\": " + std::to_string(step) + fields_ + "}\n";
  fields_.clear();
  if (const ssize_t written = ::write(file_, line.data(), line.size()); written != std::ssize(line))
    fail(path_, ": could not write the line of step ", step, ": ",
         written < 0 ? std::strerror(errno) : "the disk is full", "; make room and give the same command again");
}

}  // namespace strata

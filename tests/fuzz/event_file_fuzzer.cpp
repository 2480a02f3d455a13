// Parser: strata/formats/event_file.cpp
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "strata/base/file_calls.h"
#include "strata/formats/event_file.h"
#include "tests/fuzz/expect_refused.h"

namespace {

// A record whose checksums are right: without it almost no mutated input would reach the parser of messages.
std::string sealed(std::string_view message) {
  const auto number = [](auto value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  const std::string length = number(uint64_t{message.size()});
  return length + number(strata::masked_crc32c(length)) + std::string(message) + number(strata::masked_crc32c(message));
}

void read_and_check(std::string_view bytes) {
  const strata::EventLog log = strata::read_events(std::as_bytes(std::span(bytes)));
  if (log.good_bytes > bytes.size() || log.problem.empty() != (log.good_bytes == bytes.size())) std::abort();
  for (const strata::Event& event : log.events) {
    const std::string record = strata::encode_event(event);
    const strata::EventLog again = strata::read_events(std::as_bytes(std::span(record)));
    if (again.events.size() != 1 || strata::encode_event(again.events[0]) != record) std::abort();
  }
}

// Folders that cannot be read or made, and a disk that takes nothing more.
bool refuses_bad_folders() {
  const strata::FilesForFuzzing folder;
  const std::string file = folder.put("file", "");
  strata::expect_refused([&] { return strata::find_event_files(folder.path() + "/none").size(); });
  strata::expect_refused([&] { return strata::EventWriter(file), 0; });

  auto& calls = strata::detail::file_calls;
  const auto saved = calls;
  strata::EventWriter writer(folder.path());
  calls.fsync = [](int) { return -1; };
  strata::expect_refused([&] { return writer.sync(), 0; });
  calls.write = [](int, const void*, size_t) -> ssize_t { return 0; };
  strata::expect_refused([&] { return strata::EventWriter(folder.path()), 0; });
  calls.open = [](const char*, int, mode_t) { return -1; };
  strata::expect_refused([&] { return strata::EventWriter(folder.path()), 0; });
  calls = saved;
  return true;
}

}  // namespace

// Any bytes give whole records up to a problem, and what was read is written and read again the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_folders();
  (void)checked;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_and_check(bytes);
  read_and_check(sealed(bytes));
  return 0;
}

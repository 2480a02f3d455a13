#include "strata/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/file_calls.h"

namespace fs = std::filesystem;

namespace strata {

detail::FileCalls detail::file_calls = {
    .open = [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
    .write = ::write,
    .fsync = ::fsync,
    .rename = ::rename,
    .exchange = [](const char* one,
                   const char* other) { return ::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE); },
};

namespace {

using detail::file_calls;

std::string reason(int error) {
  return std::generic_category().message(error);
}

// Closes on the way out. What was written is synced before, so close has nothing left to report.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

Descriptor open_file(const std::string& path, int flags, const char* purpose) {
  int number = -1;
  do {
    number = file_calls.open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (number < 0 && errno == EINTR);
  if (number < 0) fail(path, ": cannot open for ", purpose, ": ", reason(errno));
  return Descriptor(number);
}

Descriptor open_regular(const std::string& path, uint64_t& size) {
  Descriptor file = open_file(path, O_RDONLY | O_NONBLOCK, "reading");  // a FIFO without a writer must not make us wait
  struct stat info{};
  if (::fstat(file.number(), &info) != 0) fail(path, ": cannot read its properties: ", reason(errno));
  if (S_ISDIR(info.st_mode)) fail(path, ": expected a file, found a folder");
  if (!S_ISREG(info.st_mode)) fail(path, ": expected a regular file, found a device, pipe or socket");
  size = static_cast<uint64_t>(info.st_size);
  return file;
}

void sync(const Descriptor& file, const std::string& path, bool folder) {
  while (file_calls.fsync(file.number()) != 0) {
    if (errno == EINTR) continue;
    if (folder && errno == EINVAL) return;  // some network file systems have no notion of syncing a folder
    fail(path, ": cannot sync to disk: ", reason(errno));
  }
}

void sync_path(const std::string& path, bool folder) {
  sync(open_file(path, O_RDONLY | (folder ? O_DIRECTORY : 0), "syncing"), path, folder);
}

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string room(const std::string& folder, uint64_t needed) {
  struct statvfs info{};
  std::string text = " (" + std::to_string(needed) + " bytes needed";
  if (::statvfs(folder.c_str(), &info) == 0)
    text += ", " + std::to_string(uint64_t{info.f_bavail} * info.f_frsize) + " free";
  return text + ")";
}

void write_all(const Descriptor& file, std::span<const std::byte> bytes, const std::string& path, uint64_t total) {
  while (!bytes.empty()) {
    const ssize_t written = file_calls.write(file.number(), bytes.data(), std::min<size_t>(bytes.size(), 1U << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, ": cannot write: ", reason(errno), errno == ENOSPC ? room(parent_of(path), total) : "");
    if (written == 0) fail(path, ": cannot write: the disk took 0 of ", bytes.size(), " bytes");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

constexpr std::string_view kTemporarySuffix = ".tmp";

std::string temporary_name(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return path + "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + std::string(kTemporarySuffix);
}

// The process that made a temporary, or 0 when the name is not one of ours.
pid_t owner_of_temporary(std::string_view name) {
  if (!name.ends_with(kTemporarySuffix)) return 0;
  name.remove_suffix(kTemporarySuffix.size());
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return 0;
  pid_t pid = 0;
  uint64_t count = 0;
  const char* end = name.data() + name.size();
  const auto [after_pid, pid_error] = std::from_chars(name.data() + dot + 1, end, pid);
  if (pid_error != std::errc() || after_pid == end || *after_pid != '-') return 0;
  const auto [after_count, count_error] = std::from_chars(after_pid + 1, end, count);
  return count_error == std::errc() && after_count == end && pid > 0 ? pid : 0;
}

void rename_or_fail(const std::string& from, const std::string& to) {
  if (file_calls.rename(from.c_str(), to.c_str()) != 0) fail(to, ": cannot rename ", from, " to it: ", reason(errno));
}

std::string set_aside_name(const std::string& final) {
  return final + ".old";
}

}  // namespace

MappedFile::MappedFile(const std::string& path, MapMode mode) : path_(path), mode_(mode) {
  uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  size_ = size;
  if (size == 0) return;
  // Without MAP_NORESERVE a private copy would count as memory in use before anything is written to it.
  const bool writable = mode == MapMode::private_copy;
  void* data = ::mmap(nullptr, size, PROT_READ | (writable ? PROT_WRITE : 0),
                      MAP_PRIVATE | (writable ? MAP_NORESERVE : 0), file.number(), 0);
  if (data == MAP_FAILED) fail(path, ": cannot map ", size, " bytes into memory: ", reason(errno));
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mode_(other.mode_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mode_, other.mode_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::drop_pages(std::span<const std::byte> part) const {
  const auto address = [](const std::byte* at) { return reinterpret_cast<uintptr_t>(at); };
  const uintptr_t begin = address(part.data()), end = begin + part.size();
  if (mode_ != MapMode::read_only || begin < address(data_) || end > address(data_) + size_) return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;  // whole pages only
  if (first < last) ::madvise(const_cast<std::byte*>(part.data()) + (first - begin), last - first, MADV_DONTNEED);
}

std::string read_text(const std::string& path, uint64_t max_bytes) {
  uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  const auto check = [&](uint64_t bytes) {
    if (bytes > max_bytes) fail(path, ": expected at most ", max_bytes, " bytes of text, found ", bytes, " or more");
  };
  check(size);
  std::string text;
  // Files under /proc say they are empty, and any file may grow meanwhile: read until the end, whatever its size was.
  for (size_t used = 0;;) {
    text.resize(used + std::max<uint64_t>(4096, used < size ? size - used + 1 : 0));
    const ssize_t got = ::read(file.number(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, ": cannot read: ", reason(errno));
    used += static_cast<size_t>(got);
    check(used);
    if (got == 0) {
      text.resize(used);
      return text;
    }
  }
}

void write_file_atomic(const std::string& path, uint64_t total, const std::function<void(const ByteSink&)>& write) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status))
    fail(path, ": expected a file to replace or a new name, found a folder or device");
  const std::string temporary = temporary_name(path);
  try {
    const Descriptor file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, "writing");
    write([&](std::span<const std::byte> piece) { write_all(file, piece, path, total); });
    sync(file, path, false);
    rename_or_fail(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_path(parent_of(path), true);
}

void write_file_atomic(const std::string& path, std::span<const std::span<const std::byte>> pieces) {
  uint64_t total = 0;
  for (const auto& piece : pieces) total += piece.size();
  write_file_atomic(path, total, [&](const ByteSink& sink) {
    for (const auto& piece : pieces) sink(piece);
  });
}

void write_file_atomic(const std::string& path, std::string_view text) {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  write_file_atomic(path, std::span(&piece, 1));
}

void publish_folder(const std::string& temporary, const std::string& final) {
  std::error_code error;
  if (!fs::is_directory(temporary, error)) fail(temporary, ": expected a folder to publish as ", final);
  if (fs::exists(final, error) && !fs::is_directory(final, error))
    fail(final, ": expected a folder or a free name, found a file");
  const std::string parent = parent_of(final);
  if (parent_of(temporary) != parent) fail(temporary, ": expected a folder beside ", final);
  for (const auto& entry : fs::recursive_directory_iterator(temporary))
    if (!entry.is_symlink() && (entry.is_regular_file() || entry.is_directory()))
      sync_path(entry.path().string(), entry.is_directory());
  sync_path(temporary, true);

  if (!fs::exists(final, error)) {
    rename_or_fail(temporary, final);
    sync_path(parent, true);
    return;
  }
  std::string old = temporary;
  if (file_calls.exchange(temporary.c_str(), final.c_str()) != 0) {
    if (errno != EINVAL && errno != ENOSYS) fail(final, ": cannot swap with ", temporary, ": ", reason(errno));
    old = set_aside_name(final);
    fs::remove_all(old, error);
    rename_or_fail(final, old);
    try {
      rename_or_fail(temporary, final);
    } catch (...) {
      recover_folder(final);
      throw;
    }
  }
  sync_path(parent, true);
  fs::remove_all(old, error);  // the new folder is in place: a rest of the old one is only untidy
}

void recover_folder(const std::string& final) {
  std::error_code error;
  if (fs::exists(final, error) || !fs::is_directory(set_aside_name(final), error)) return;
  rename_or_fail(set_aside_name(final), final);
}

void remove_stale_temporaries(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const pid_t owner = owner_of_temporary(entry.path().filename().string());
    if (owner != 0 && ::kill(owner, 0) != 0 && errno == ESRCH) fs::remove(entry.path(), error);
  }
}

}  // namespace strata

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace strata {

/// Who may write to the memory of a MappedFile: nobody, or this process, whose changes never reach the file and cost a
/// page each.
enum class MapMode { read_only, private_copy };

/// A file mapped into memory: a page is read when it is first touched. Replacing the file by a rename (write_file_atomic) leaves existing maps
/// valid, with the old content. Throws Error when the file is missing, unreadable or not a regular file.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::string& path, MapMode mode = MapMode::read_only);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Lets go of the memory of a part that has been read, for as long as it is not touched again. Does nothing for bytes
  /// that are not of this map or that may have been written to.
  void drop_pages(std::span<const std::byte> part) const;

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  MapMode mode_ = MapMode::read_only;
};

/// Whole content of a regular file as text. Throws Error when it holds more than max_bytes.
std::string read_text(const std::string& path, uint64_t max_bytes);

/// Writes the pieces one after the other into a temporary sibling of path, syncs it, renames it over path and syncs the
/// folder, so that after a crash or on any error path holds either all of its old content or all of the new. On an
/// error the temporary is removed and an Error says what failed and why.
void write_file_atomic(const std::string& path, std::span<const std::span<const std::byte>> pieces);
void write_file_atomic(const std::string& path, std::string_view text);

/// The same for a content that is never in memory as a whole: `write` is called once and hands the pieces to the sink
/// it is given. `total` is their size, for the message when the disk is full.
using ByteSink = std::function<void(std::span<const std::byte>)>;
void write_file_atomic(const std::string& path, uint64_t total, const std::function<void(const ByteSink&)>& write);

/// Makes a folder written as `temporary` appear as `final`, replacing an older folder of that name: syncs every file
/// and folder in it, swaps the names in one step and syncs the parent. On an error `final` holds what it held before
/// and `temporary` is left for the caller. Both must have the same parent. Where the file system cannot swap two names,
/// the older folder is first set aside as `final.old`; recover_folder brings it back after a crash in between.
void publish_folder(const std::string& temporary, const std::string& final);
void recover_folder(const std::string& final);

/// Removes the temporaries that write_file_atomic left in a folder when its process was killed. Those of living
/// processes stay.
void remove_stale_temporaries(const std::string& folder);

}  // namespace strata

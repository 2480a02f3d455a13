#include "strata/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>
#include <vector>

#include "strata/base/file_calls.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using detail::file_calls;
namespace fs = std::filesystem;

std::string content(const std::string& path) {
  return read_text(path, 1 << 20);
}

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

// Makes the k-th call that reaches the disk fail with one errno (or, for a short write, take a single byte). Undone at
// the end.
class FailKth {
 public:
  static constexpr int kShortWrite = -1;

  FailKth(int kth, int error) : saved_(file_calls) {
    left = kth;
    error_code = error;
    real = saved_;
    file_calls.open = [](const char* path, int flags, mode_t mode) {
      return fails() ? -1 : real.open(path, flags, mode);
    };
    file_calls.write = [](int file, const void* data, size_t size) -> ssize_t {
      if (!fails()) return real.write(file, data, std::min<size_t>(size, 7));  // small writes: more places to fail at
      return error_code == kShortWrite ? real.write(file, data, 1) : -1;
    };
    file_calls.fsync = [](int) { return fails() ? -1 : 0; };  // what reached the platter is beyond this test
    file_calls.rename = [](const char* from, const char* to) { return fails() ? -1 : real.rename(from, to); };
    file_calls.exchange = [](const char* one, const char* other) { return fails() ? -1 : real.exchange(one, other); };
  }
  ~FailKth() { file_calls = saved_; }
  FailKth(const FailKth&) = delete;
  FailKth& operator=(const FailKth&) = delete;

  bool reached() const { return left <= 0; }

 private:
  static bool fails() {
    if (--left != 0) return false;
    errno = error_code;
    return true;
  }
  detail::FileCalls saved_;
  inline static detail::FileCalls real;
  inline static int left = 0, error_code = 0;
};

TEST(File, MapsAndRefuses) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("a")) << "hello";
  MappedFile map(folder.file("a"));
  EXPECT_EQ(map.bytes().size(), 5U);
  EXPECT_EQ(static_cast<char>(map.bytes()[4]), 'o');
  const MappedFile moved = std::move(map);
  write_file_atomic(folder.file("a"), "other");
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 'o') << "a replaced file must leave the old map alone";

  std::ofstream(folder.file("empty")) << "";
  EXPECT_TRUE(MappedFile(folder.file("empty")).bytes().empty());
  ASSERT_EQ(::mkfifo(folder.file("fifo").c_str(), 0600), 0);
  EXPECT_THAT(message_of([&] { MappedFile(folder.file("fifo")); }), testing::HasSubstr("expected a regular file"));
  EXPECT_THAT(message_of([&] { MappedFile(folder.path()); }), testing::HasSubstr("found a folder"));
  EXPECT_THAT(message_of([&] { MappedFile(folder.file("none")); }), testing::HasSubstr("No such file"));
}

TEST(File, PagesThatWereDroppedAreReadAgain) {
  const TemporaryFolder folder;
  const std::string text(100'000, 'x');
  write_file_atomic(folder.file("f"), text);
  const MappedFile map(folder.file("f"));
  const auto is_text = [&](const MappedFile& file) {
    return std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()) == text;
  };
  EXPECT_TRUE(is_text(map));
  for (const auto& [begin, count] : {std::pair{0, 100'000}, std::pair{1, 5}, std::pair{4097, 9000}, std::pair{50, 0}})
    map.drop_pages(map.bytes().subspan(begin, count));
  EXPECT_TRUE(is_text(map));
  // What was written to a private copy lies nowhere else, and neither does memory of others.
  const MappedFile copy(folder.file("f"), MapMode::private_copy);
  auto* byte = const_cast<std::byte*>(copy.bytes().data()) + 5000;
  *byte = std::byte{'y'};
  copy.drop_pages(copy.bytes());
  EXPECT_EQ(*byte, std::byte{'y'});
  const std::vector<std::byte> others(20'000, std::byte{'z'});
  map.drop_pages(others);
  MappedFile().drop_pages(others);
  EXPECT_EQ(others[10'000], std::byte{'z'});
}

TEST(File, ReadsTextWithALimit) {
  const TemporaryFolder folder;
  const std::string text(10000, 'x');
  write_file_atomic(folder.file("a"), text);
  EXPECT_EQ(read_text(folder.file("a"), 10000), text);
  EXPECT_THAT(message_of([&] { read_text(folder.file("a"), 9999); }), testing::HasSubstr("at most 9999 bytes"));
  EXPECT_FALSE(read_text("/proc/self/status", 1 << 20).empty()) << "a file that claims to be empty";
  EXPECT_THAT(message_of([&] { read_text("/proc/self/status", 10); }), testing::HasSubstr("at most 10 bytes"));
}

// The promise of write_file_atomic, whatever fails and when: all of the old or all of the new content, and nothing left
// over.
TEST(File, SurvivesAFailureOfEveryCall) {
  for (const int error : {ENOSPC, EIO, EINTR, EROFS, FailKth::kShortWrite}) {
    for (int kth = 1;; ++kth) {
      SCOPED_TRACE(testing::Message() << "errno " << error << " at call " << kth);
      const TemporaryFolder folder;
      const std::string path = folder.file("state");
      write_file_atomic(path, "the old content, longer than the new");
      const std::string fresh = "the new content";
      std::string message;
      bool reached = false;
      {
        const FailKth fault(kth, error);
        message = message_of([&] { write_file_atomic(path, fresh); });
        reached = fault.reached();
      }
      EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"state"});
      if (message.empty()) {
        EXPECT_EQ(content(path), fresh);
      } else {
        const bool only_folder_sync = content(path) == fresh;
        EXPECT_TRUE(only_folder_sync || content(path) == "the old content, longer than the new");
        EXPECT_THAT(message, testing::HasSubstr(folder.path()));
      }
      if (error == ENOSPC && message.find("cannot write") != std::string::npos) {
        EXPECT_THAT(message, testing::HasSubstr("15 bytes needed"));
      }
      if (!reached) {
        EXPECT_GE(kth, 7) << "open, three writes, sync, rename, open and sync of the folder";
        break;
      }
      if (error == EINTR && kth != 6 + 0) {
        EXPECT_TRUE(message.empty()) << message;  // an interruption is no failure (rename is never interrupted)
      }
    }
  }
}

TEST(File, PublishesFoldersWholeOrNotAtAll) {
  for (const bool can_swap : {true, false}) {
    for (const int error : {ENOSPC, EIO}) {
      for (int kth = 1;; ++kth) {
        SCOPED_TRACE(testing::Message() << "errno " << error << " at call " << kth << (can_swap ? "" : ", no swap"));
        const TemporaryFolder folder;
        const auto write_folder = [&](const std::string& name, const std::string& text) {
          fs::create_directories(folder.file(name) + "/inner");
          std::ofstream(folder.file(name) + "/a") << text;
          std::ofstream(folder.file(name) + "/inner/b") << text;
        };
        write_folder("state", "old");
        write_folder("state.tmp", "new");
        std::string message;
        bool reached = false;
        {
          const FailKth fault(kth, error);
          if (!can_swap)
            file_calls.exchange = [](const char*, const char*) {
              errno = EINVAL;
              return -1;
            };
          message = message_of([&] { publish_folder(folder.file("state.tmp"), folder.file("state")); });
          reached = fault.reached();
        }
        const std::string now = content(folder.file("state/a"));
        EXPECT_EQ(content(folder.file("state/inner/b")), now);
        if (message.empty()) {
          EXPECT_EQ(now, "new");
          EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"state"});
        } else {
          EXPECT_TRUE(now == "old" || now == "new");
          EXPECT_FALSE(fs::exists(folder.file("state.old")) && now == "old");
        }
        if (!reached) break;
        EXPECT_FALSE(message.empty());
      }
    }
  }
}

TEST(File, RecoversAFolderSetAside) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("state.old"));
  recover_folder(folder.file("state"));
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"state"});
  recover_folder(folder.file("state"));
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"state"});
}

TEST(File, PublishesIntoAFreeName) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("new.tmp"));
  publish_folder(folder.file("new.tmp"), folder.file("new"));
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"new"});
  EXPECT_THAT(message_of([&] { publish_folder(folder.file("none"), folder.file("new")); }),
              testing::HasSubstr("expected a folder"));
  std::ofstream(folder.file("file")) << "x";
  EXPECT_THAT(message_of([&] { publish_folder(folder.file("new"), folder.file("file")); }),
              testing::HasSubstr("found a file"));
  EXPECT_THAT(message_of([&] { publish_folder(folder.file("new"), "/tmp/x/y/new"); }),
              testing::HasSubstr("expected a folder beside"));
}

TEST(File, RefusesToReplaceWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of([&] { write_file_atomic(folder.path(), "x"); }),
              testing::HasSubstr("found a folder or device"));
  EXPECT_THAT(message_of([&] { write_file_atomic("/dev/full", "x"); }), testing::HasSubstr("found a folder or device"));
  EXPECT_THAT(message_of([&] { write_file_atomic(folder.file("no/such/folder"), "x"); }),
              testing::HasSubstr("No such file"));
}

TEST(File, RemovesOnlyTemporariesOfDeadProcesses) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  for (const std::string& name :
       {"m." + std::to_string(child) + "-0.tmp", "m." + std::to_string(::getpid()) + "-3.tmp", std::string("mine.tmp"),
        std::string("a.-1-2.tmp"), std::string("tmp"), std::string("1-2.tmp"), std::string("m.77x-0.tmp")})
    std::ofstream(folder.file(name)) << "x";
  remove_stale_temporaries(folder.path());
  EXPECT_EQ(names_in(folder.path()).count("m." + std::to_string(child) + "-0.tmp"), 0U);
  EXPECT_EQ(names_in(folder.path()).size(), 6U);
}

// A full disk as the kernel reports it, not as a test imagines it.
TEST(File, FullDisk) {
  const TemporaryFolder folder;
  const std::string path = folder.file("state");
  write_file_atomic(path, "old");
  const auto saved = file_calls;
  file_calls.open = [](const char* name, int flags, mode_t mode) {
    return (flags & O_CREAT) != 0 ? ::open("/dev/full", O_WRONLY | O_CLOEXEC) : ::open(name, flags, mode);
  };
  const std::string message = message_of([&] { write_file_atomic(path, "new"); });
  file_calls = saved;
  EXPECT_THAT(message, testing::HasSubstr("No space left on device (3 bytes needed"));
  EXPECT_EQ(content(path), "old");
}

TEST(File, FileSizeLimit) {
  const TemporaryFolder folder;
  const std::string path = folder.file("state");
  write_file_atomic(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string message = message_of([&] { write_file_atomic(path, std::string(10000, 'x')); });
    ::_exit(message.find("File too large") != std::string::npos && names_in(folder.path()).size() == 1 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(content(path), "old");
}

}  // namespace
}  // namespace strata

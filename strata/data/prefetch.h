#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "strata/base/error.h"

namespace strata {

/// make(first), make(first + 1), ... in this order, made ahead by background threads; at most `threads + 1` wait to be
/// taken. `make` runs on several threads at once and must use no thread pool of its own. With no threads it runs when
/// asked.
template <class T>
class Prefetch {
 public:
  Prefetch(std::function<T(int64_t)> make, int64_t first, int threads)
      : make_(std::move(make)), next_(first), issued_(first), ahead_(threads + 1) {
    try {
      for (int i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      stop();
      fail("cannot start ", threads, " background threads: ", error.what(), "; ask for fewer");
    }
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;
  ~Prefetch() { stop(); }

  /// The next one. What `make` threw for it is thrown here, and again at every later call.
  T next() {
    if (workers_.empty()) {
      T made = make_(next_);
      ++next_;
      return made;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.count(next_) > 0; });
    auto found = ready_.find(next_);
    if (auto* error = std::get_if<std::exception_ptr>(&found->second)) std::rethrow_exception(*error);
    T made = std::get<T>(std::move(found->second));
    ready_.erase(found);
    ++next_;
    lock.unlock();
    changed_.notify_all();
    return made;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopped_ || issued_ < next_ + ahead_; });
      if (stopped_) return;
      const int64_t index = issued_++;
      lock.unlock();
      std::variant<T, std::exception_ptr> made;
      try {
        made = make_(index);
      } catch (...) {
        made = std::current_exception();
      }
      lock.lock();
      ready_.emplace(index, std::move(made));
      changed_.notify_all();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  std::function<T(int64_t)> make_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, std::variant<T, std::exception_ptr>> ready_;
  int64_t next_;    // what next() gives
  int64_t issued_;  // what the next idle worker makes
  int64_t ahead_;
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace strata

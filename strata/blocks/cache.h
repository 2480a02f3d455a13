#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "strata/blocks/stream.h"

namespace strata {

/// What a block remembers of the rows it has seen, so that later rows need not run earlier ones again.
class CacheEntry {
 public:
  virtual ~CacheEntry() = default;
  /// A point to come back to: how many rows of each sequence have been seen.
  virtual int64_t mark() const = 0;
  /// Forgets everything after a mark. Throws when the entry cannot go back that far.
  virtual void rewind(int64_t mark) = 0;
  virtual std::map<std::string, Tensor> save() const = 0;
  virtual void restore(const std::map<std::string, Tensor>& saved) = 0;
};

/// The caches of one pass that goes on: one entry for each executed prefix of a route (sources, parts and resolved
/// limits included), never by slot or block alone, so that routes which share a prefix share its entries and others can
/// never read them.
class Caches {
 public:
  CacheEntry* find(const std::string& prefix) const;
  CacheEntry* insert(const std::string& prefix, std::unique_ptr<CacheEntry> entry);

  /// Marks, rewinds, saves and restores all entries together.
  std::map<std::string, int64_t> mark() const;
  void rewind(const std::map<std::string, int64_t>& marks);
  size_t size() const { return entries_.size(); }

 private:
  std::map<std::string, std::unique_ptr<CacheEntry>> entries_;
};

}  // namespace strata

#include "strata/blocks/cache.h"

#include "strata/base/error.h"

namespace strata {

CacheEntry* Caches::find(const std::string& prefix) const {
  const auto found = entries_.find(prefix);
  return found == entries_.end() ? nullptr : found->second.get();
}

CacheEntry* Caches::insert(const std::string& prefix, std::unique_ptr<CacheEntry> entry) {
  const auto [place, fresh] = entries_.emplace(prefix, std::move(entry));
  if (!fresh) fail("caches: the prefix '", prefix, "' has an entry already");
  return place->second.get();
}

std::map<std::string, int64_t> Caches::mark() const {
  std::map<std::string, int64_t> marks;
  for (const auto& [prefix, entry] : entries_) marks.emplace(prefix, entry->mark());
  return marks;
}

void Caches::rewind(const std::map<std::string, int64_t>& marks) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto mark = marks.find(entry->first);
    if (mark == marks.end()) {  // began after the mark was taken
      entry = entries_.erase(entry);
    } else {
      entry->second->rewind(mark->second);
      ++entry;
    }
  }
}

}  // namespace strata

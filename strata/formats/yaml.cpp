#include "strata/formats/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

constexpr uint64_t kMostBytes = 256 << 10;
constexpr size_t kMostDepth = 32;
constexpr int64_t kMostNodes = 10'000;
constexpr size_t kMostText = 4 * kMostBytes;  // with what aliases repeat

struct Size {
  int64_t nodes = 0;
  size_t text = 0;
};

void add_size(const YamlNode& node, Size& size) {
  size.nodes += 1 + std::ssize(node.entries);
  size.text += node.text.size();
  for (const auto& item : node.items) add_size(item, size);
  for (const auto& [key, value] : node.entries) {
    size.text += key.size();
    add_size(value, size);
  }
}

// Builds the tree from the parser's events, so that limits hold while it reads and not after.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string name) : name_(std::move(name)) {}

  YamlNode take() { return std::move(root_).value_or(YamlNode{.place = name_}); }

  void OnDocumentStart(const YAML::Mark& mark) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node(mark, YamlNode::Kind::null), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(place(mark), ": an alias stands inside of what it stands for");
    Size size;
    add_size(found->second, size);
    count(mark, size.nodes);
    repeated_ += size.text;
    if (repeated_ > kMostText)
      fail(place(mark), ": expected aliases that repeat at most ", kMostText, " bytes of text, found more");
    add(YamlNode(found->second), 0, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode scalar = node(mark, YamlNode::Kind::scalar);
    scalar.text = value;
    scalar.quoted = tag == "!";  // how the parser marks what was in quotes
    if (!scalar.quoted) check_tag(mark, tag);
    if (!scalar.quoted && (value == "~" || value == "null" || value.empty())) scalar.kind = YamlNode::Kind::null;
    add(std::move(scalar), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    check_tag(mark, tag);
    open(node(mark, YamlNode::Kind::list), anchor, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    check_tag(mark, tag);
    open(node(mark, YamlNode::Kind::map), anchor, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key = std::nullopt;  // of the map entry whose value comes next
  };

  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? name_ : name_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }
  YamlNode node(const YAML::Mark& mark, YamlNode::Kind kind) {
    count(mark, 1);
    return {.kind = kind, .place = place(mark)};
  }
  void count(const YAML::Mark& mark, int64_t more) {
    nodes_ += more;
    if (nodes_ > kMostNodes) fail(place(mark), ": expected at most ", kMostNodes, " values, found more");
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!")
      fail(place(mark), ": expected plain YAML, found the tag ", in_quotes(tag));
  }
  void open(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (stack_.size() >= kMostDepth) fail(place(mark), ": expected at most ", kMostDepth, " levels, found more");
    stack_.push_back({std::move(node), anchor});
  }
  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor, YAML::Mark::null_mark());
  }
  void add(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != YamlNode::Kind::scalar) fail(node.place, ": expected a name before ':', found something else");
      for (const auto& [key, value] : parent.node.entries)
        if (key == node.text) fail(node.place, ": the key ", in_quotes(key), " stands twice");
      parent.key = node.text;
    } else {
      parent.node.entries.push_back({std::move(*parent.key), std::move(node)});
      parent.key.reset();
    }
  }

  std::string name_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::optional<YamlNode> root_;
  int64_t nodes_ = 0;
  size_t repeated_ = 0;  // bytes of text that aliases stand for
};

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return in_quotes(node.text);
    case YamlNode::Kind::list:
      return "a list of " + std::to_string(node.items.size());
    case YamlNode::Kind::map:
      break;
  }
  return "a table of " + std::to_string(node.entries.size());
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.key == key; });
  return found == entries.end() || found->value.kind == Kind::null ? nullptr : &found->value;
}

void YamlNode::refuse(std::string_view what, std::string_view expected) const {
  fail(place, ": ", what, ": expected ", expected, ", found ", describe(*this));
}

const std::string& YamlNode::as_text(std::string_view what) const {
  if (kind != Kind::scalar) refuse(what, "a text");
  return text;
}

double YamlNode::as_number(std::string_view what) const {
  double value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (kind != Kind::scalar || quoted || text.empty() || error != std::errc() || rest != end || !std::isfinite(value))
    refuse(what, "a number");
  return value;
}

int64_t YamlNode::as_integer(std::string_view what) const {
  int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (kind != Kind::scalar || quoted || text.empty() || error != std::errc() || rest != text.data() + text.size())
    refuse(what, "a whole number");
  return value;
}

bool YamlNode::as_boolean(std::string_view what) const {
  if (kind == Kind::scalar && !quoted && (text == "true" || text == "True")) return true;
  if (kind == Kind::scalar && !quoted && (text == "false" || text == "False")) return false;
  refuse(what, "true or false");
}

const std::vector<YamlNode>& YamlNode::as_list(std::string_view what) const {
  if (kind != Kind::list) refuse(what, "a list");
  return items;
}

const std::vector<YamlEntry>& YamlNode::as_map(std::string_view what) const {
  if (kind != Kind::map) refuse(what, "a table");
  return entries;
}

YamlNode parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) fail(name, ": expected at most ", kMostBytes, " bytes of YAML, found ", text.size());
  std::istringstream stream{std::string(text)};
  Builder builder(name);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    Builder second(name);
    if (parser.HandleNextDocument(second)) fail(name, ": expected one YAML document, found several");
    return root;
  } catch (const YAML::Exception& error) {
    fail(name, ":", error.mark.line + 1, ":", error.mark.column + 1, ": ", error.msg);
  }
}

YamlNode read_yaml(const std::string& path) {
  return parse_yaml(read_text(path, kMostBytes), path);
}

}  // namespace strata

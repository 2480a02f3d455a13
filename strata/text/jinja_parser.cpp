#include "strata/text/jinja_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

#include "strata/base/error.h"
#include "strata/text/jinja_lexer.h"

namespace strata::jinja {
namespace {

constexpr size_t kLargestTemplate = 1 << 20;
constexpr int kDeepest = 200;

using Kind = Token::Kind;

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& name) : tokens_(std::move(tokens)), name_(name) {}

  Body run() {
    Body body = statements({});
    if (now().kind != Kind::end) reject("expected a statement, found '", now().text, "', which closes nothing");
    return body;
  }

 private:
  template <class... Parts>
  [[noreturn]] void reject(const Parts&... parts) const {
    fail(name_, ", line ", now().line, ": ", parts...);
  }
  [[noreturn]] void expected(std::string_view what) const { reject("expected ", what, ", found ", found()); }

  std::string found() const {
    switch (now().kind) {
      case Kind::end:
        return "the end of the template";
      case Kind::block_end:
      case Kind::output_end:
        return "the end of the tag";
      case Kind::text:
        return "text";
      case Kind::string:
        return "a string";
      default:
        return "'" + now().text.substr(0, 40) + "'";
    }
  }

  // Counts how deep the parser is in itself, so that no template can exhaust the stack.
  class Deeper {
   public:
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kDeepest) parser_.reject("expected at most ", kDeepest, " levels of nesting, found more");
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Parser& parser_;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& after() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool is(Kind kind, std::string_view text) const { return now().kind == kind && now().text == text; }
  bool is_symbol(std::string_view text) const { return is(Kind::symbol, text); }
  bool is_name(std::string_view text) const { return is(Kind::name, text); }
  void next() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool take_symbol(std::string_view text) {
    if (!is_symbol(text)) return false;
    next();
    return true;
  }
  bool take_name(std::string_view text) {
    if (!is_name(text)) return false;
    next();
    return true;
  }
  void need_symbol(std::string_view text) {
    if (!take_symbol(text)) expected("'" + std::string(text) + "'");
  }
  void end_block() {
    if (now().kind != Kind::block_end) expected("the end of the tag");
    next();
  }
  std::string name(std::string_view what) {
    if (now().kind != Kind::name) expected(what);
    std::string text = now().text;
    next();
    return text;
  }

  // ---- statements

  // Until a tag that begins with one of these names, whose name is then next.
  Body statements(std::initializer_list<std::string_view> until) {
    const Deeper deeper(*this);
    Body body;
    for (;;) {
      switch (now().kind) {
        case Kind::end:
          if (until.size() > 0) expected("{% " + std::string(*(until.end() - 1)) + " %}");
          return body;
        case Kind::text: {
          auto& text = add(body, Statement::Kind::text);
          text.text = now().text;
          next();
          break;
        }
        case Kind::output_begin: {
          next();
          auto& output = add(body, Statement::Kind::output);
          output.value = tuple_or_expression();
          output.folded = is_constant(*output.value);
          if (now().kind != Kind::output_end) expected("the end of the tag }}");
          next();
          break;
        }
        case Kind::block_begin:
          next();
          if (now().kind != Kind::name) expected("a statement such as if, for or set");
          if (std::find(until.begin(), until.end(), now().text) != until.end()) return body;
          if (now().text.starts_with("end") || now().text == "else" || now().text == "elif") {
            if (until.size() == 0) return body;
            expected("{% " + std::string(*(until.end() - 1)) + " %}");
          }
          statement(body);
          break;
        default:
          expected("text or a tag");
      }
    }
  }

  // What Jinja evaluates before it runs a template.
  static bool is_constant(const Expression& expression) {
    constexpr std::array<std::string_view, 5> of_context = {"map", "select", "reject", "selectattr", "rejectattr"};
    const bool needs_context = expression.kind == Expression::Kind::filter &&
                               std::find(of_context.begin(), of_context.end(), expression.text) != of_context.end();
    if (needs_context || expression.kind == Expression::Kind::name || expression.kind == Expression::Kind::call)
      return false;
    return std::all_of(expression.parts.begin(), expression.parts.end(),
                       [](const auto& part) { return !part || is_constant(*part); }) &&
           std::all_of(expression.named.begin(), expression.named.end(),
                       [](const auto& argument) { return is_constant(*argument.second); });
  }

  Statement& add(Body& body, Statement::Kind kind) {
    body.push_back(std::make_unique<Statement>());
    body.back()->kind = kind;
    body.back()->line = now().line;
    return *body.back();
  }

  void statement(Body& body) {
    const std::string word = now().text;
    if (word == "for") return for_loop(body);
    if (word == "if") {
      next();
      return if_else(body);
    }
    if (word == "set") return set(body);
    if (word == "macro") return macro(body);
    if (word == "generation") {
      next();
      end_block();
      add(body, Statement::Kind::generation).body = function_body("endgeneration");
      return;
    }
    if (word == "filter") {
      next();
      auto& filter = add(body, Statement::Kind::filter);
      filter.value = filter_chain(empty_text());
      end_block();
      filter.body = closed_by("endfilter");
      return;
    }
    if (word == "with") return with(body);
    if (word == "break" || word == "continue") {
      if (loops_ == 0) reject(word, " stands outside a for");
      add(body, word == "break" ? Statement::Kind::break_loop : Statement::Kind::continue_loop);
      next();
      end_block();
      return;
    }
    reject("the statement '", word.substr(0, 40),
           "' is not one of for, if, set, macro, filter, with, generation, break, continue, raw");
  }

  Body closed_by(std::string_view word) {
    Body body = statements({word});
    next();
    end_block();
    return body;
  }

  // Jinja makes a function of it, so loops outside cannot be left from in there.
  Body function_body(std::string_view word) {
    const int loops = std::exchange(loops_, 0);
    Body body = closed_by(word);
    loops_ = loops;
    return body;
  }

  // Placed where a filter takes its input from: the text of a body.
  ExpressionPtr empty_text() { return make(Expression::Kind::name, ""); }

  // a | a, b | (a, (b, c)) | (a,)
  Target target() {
    Target first = one_target();
    if (!is_symbol(",")) return first;
    Target tuple;
    tuple.parts.push_back(std::move(first));
    while (take_symbol(",")) {
      if (is_symbol(")")) break;
      tuple.parts.push_back(one_target());
    }
    return tuple;
  }

  Target one_target() {
    const Deeper deeper(*this);
    if (!take_symbol("(")) return {assignable(), {}};
    Target inner = target();
    need_symbol(")");
    return inner;
  }

  std::string assignable() {
    constexpr std::array<std::string_view, 6> reserved = {"true", "false", "none", "True", "False", "None"};
    std::string text = name("a name to assign to");
    if (std::find(reserved.begin(), reserved.end(), text) != reserved.end())
      reject("expected a name to assign to, found '", text, "'");
    return text;
  }

  void for_loop(Body& body) {
    auto& loop = add(body, Statement::Kind::for_loop);
    next();
    loop.target = target();
    if (!take_name("in")) expected("'in'");
    loop.value = tuple_or_expression(false);
    if (take_name("if")) loop.condition = expression();
    if (is_name("recursive")) reject("recursive loops are not supported; write a macro that calls itself");
    end_block();
    ++loops_;
    loop.body = statements({"else", "endfor"});
    --loops_;
    if (take_name("else")) {
      end_block();
      loop.otherwise = statements({"endfor"});
    }
    next();
    end_block();
  }

  // After "if" or "elif".
  void if_else(Body& body) {
    const Deeper deeper(*this);
    auto& branch = add(body, Statement::Kind::if_else);
    branch.condition = tuple_or_expression(false);
    end_block();
    branch.body = statements({"elif", "else", "endif"});
    if (take_name("elif")) {
      if_else(branch.otherwise);
      return;
    }
    if (take_name("else")) {
      end_block();
      branch.otherwise = statements({"endif"});
    }
    next();
    end_block();
  }

  void set(Body& body) {
    auto& set = add(body, Statement::Kind::set);
    next();
    if (now().kind == Kind::name && after().kind == Kind::symbol && after().text == ".") {
      set.target.name = assignable();
      next();
      set.attribute = name("an attribute of a namespace");
    } else {
      set.target = target();
    }
    if (take_symbol("=")) {
      set.value = tuple_or_expression();
      end_block();
      return;
    }
    if (!set.target.parts.empty()) expected("'='");
    set.kind = Statement::Kind::set_body;
    if (is_symbol("|")) set.value = filter_chain_after(empty_text());
    end_block();
    set.body = closed_by("endset");
  }

  void with(Body& body) {
    auto& with = add(body, Statement::Kind::with);
    next();
    with.value = make(Expression::Kind::tuple, "");
    while (now().kind != Kind::block_end) {
      if (!with.names.empty()) need_symbol(",");
      with.names.push_back(assignable());
      need_symbol("=");
      adopt(*with.value, expression());
    }
    end_block();
    with.body = closed_by("endwith");
  }

  void macro(Body& body) {
    auto& statement = add(body, Statement::Kind::macro);
    next();
    statement.macro = std::make_unique<Macro>();
    Macro& macro = *statement.macro;
    macro.name = assignable();
    need_symbol("(");
    while (!take_symbol(")")) {
      if (!macro.parameters.empty()) need_symbol(",");
      if (take_symbol(")")) break;
      std::string parameter = assignable();
      ExpressionPtr fallback;
      if (take_symbol("="))
        fallback = expression();
      else if (!macro.parameters.empty() && macro.parameters.back().second)
        reject("parameter '", parameter, "' without a default follows one with a default");
      macro.parameters.emplace_back(std::move(parameter), std::move(fallback));
    }
    end_block();
    macro.body = function_body("endmacro");
  }

  // ---- expressions

  ExpressionPtr make(Expression::Kind kind, std::string text) const {
    auto made = std::make_unique<Expression>();
    made->kind = kind;
    made->line = now().line;
    made->text = std::move(text);
    return made;
  }

  void grow(Expression& parent, const Expression& child) const {
    parent.depth = std::max(parent.depth, child.depth + 1);
    if (parent.depth > 2 * kDeepest)
      reject("expected an expression of at most ", 2 * kDeepest, " operations inside each other, found more");
  }
  void adopt(Expression& parent, ExpressionPtr child) const {
    if (child) grow(parent, *child);
    parent.parts.push_back(std::move(child));
  }

  template <class... Parts>
  ExpressionPtr make(Expression::Kind kind, std::string text, ExpressionPtr first, Parts... parts) const {
    auto made = make(kind, std::move(text));
    adopt(*made, std::move(first));
    (adopt(*made, std::move(parts)), ...);
    return made;
  }

  // a, b, c without brackets is a tuple.
  ExpressionPtr tuple_or_expression(bool conditional = true) {
    auto first = conditional ? expression() : logical_or();
    if (!is_symbol(",")) return first;
    auto tuple = make(Expression::Kind::tuple, "", std::move(first));
    while (take_symbol(",")) {
      if (ends_expression()) break;
      adopt(*tuple, conditional ? expression() : logical_or());
    }
    return tuple;
  }
  bool ends_expression() const {
    return now().kind == Kind::block_end || now().kind == Kind::output_end || is_symbol(")");
  }

  ExpressionPtr expression() {
    const Deeper deeper(*this);
    auto value = logical_or();
    while (take_name("if")) {
      auto condition = logical_or();
      ExpressionPtr otherwise;
      if (take_name("else")) otherwise = expression();
      value = make(Expression::Kind::conditional, "", std::move(condition), std::move(value), std::move(otherwise));
    }
    return value;
  }

  ExpressionPtr logical_or() {
    auto left = logical_and();
    while (take_name("or")) left = make(Expression::Kind::logical_or, "", std::move(left), logical_and());
    return left;
  }
  ExpressionPtr logical_and() {
    auto left = logical_not();
    while (take_name("and")) left = make(Expression::Kind::logical_and, "", std::move(left), logical_not());
    return left;
  }
  ExpressionPtr logical_not() {
    const Deeper deeper(*this);
    if (take_name("not")) return make(Expression::Kind::logical_not, "", logical_not());
    return comparison();
  }

  ExpressionPtr comparison() {
    constexpr std::array<std::string_view, 6> symbols = {"==", "!=", "<", "<=", ">", ">="};
    auto left = sum();
    ExpressionPtr chain;
    for (;;) {
      std::string op;
      if (now().kind == Kind::symbol && std::find(symbols.begin(), symbols.end(), now().text) != symbols.end()) {
        op = now().text;
        next();
      } else if (take_name("in")) {
        op = "in";
      } else if (is_name("not") && after().kind == Kind::name && after().text == "in") {
        next();
        next();
        op = "not in";
      } else {
        return chain ? std::move(chain) : std::move(left);
      }
      if (!chain) chain = make(Expression::Kind::comparison, "", std::move(left));
      chain->operators.push_back(std::move(op));
      adopt(*chain, sum());
    }
  }

  template <class Inner>
  ExpressionPtr binary(std::initializer_list<std::string_view> symbols, Inner inner) {
    auto left = inner();
    while (now().kind == Kind::symbol && std::find(symbols.begin(), symbols.end(), now().text) != symbols.end()) {
      std::string op = now().text;
      next();
      left = make(Expression::Kind::binary, std::move(op), std::move(left), inner());
    }
    return left;
  }
  ExpressionPtr sum() {
    return binary({"+", "-"}, [&] { return concatenation(); });
  }
  ExpressionPtr concatenation() {
    return binary({"~"}, [&] { return product(); });
  }
  ExpressionPtr product() {
    return binary({"*", "/", "//", "%"}, [&] { return power(); });
  }
  ExpressionPtr power() {
    return binary({"**"}, [&] { return unary(true); });
  }

  ExpressionPtr unary(bool filters) {
    const Deeper deeper(*this);
    ExpressionPtr value;
    if (take_symbol("-"))
      value = make(Expression::Kind::negate, "", unary(false));
    else if (take_symbol("+"))
      value = make(Expression::Kind::positive, "", unary(false));
    else
      value = primary();
    value = postfix(std::move(value));
    return filters ? filters_and_tests(std::move(value)) : std::move(value);
  }

  ExpressionPtr literal(Value value) const {
    auto made = make(Expression::Kind::literal, "");
    made->value = std::move(value);
    return made;
  }

  ExpressionPtr primary() {
    const Token& token = now();
    switch (token.kind) {
      case Kind::name: {
        auto made = name_or_constant(token.text);
        next();
        return made;
      }
      case Kind::string: {
        std::string text;
        for (; now().kind == Kind::string; next()) text += now().text;
        return literal(Value::text(std::move(text)));
      }
      case Kind::integer:
      case Kind::number:
        return number();
      case Kind::symbol:
        if (token.text == "(") return brackets();
        if (token.text == "[") return list();
        if (token.text == "{") return dict();
        [[fallthrough]];
      default:
        expected("an expression");
    }
  }

  ExpressionPtr name_or_constant(const std::string& text) const {
    if (text == "true" || text == "True") return literal(Value::boolean(true));
    if (text == "false" || text == "False") return literal(Value::boolean(false));
    if (text == "none" || text == "None") return literal(Value::none());
    constexpr std::array<std::string_view, 8> reserved = {"if", "else", "elif", "and", "or", "in", "is", "for"};
    if (std::find(reserved.begin(), reserved.end(), text) != reserved.end()) expected("an expression");
    return make(Expression::Kind::name, text);
  }

  ExpressionPtr number() {
    const std::string& text = now().text;
    ExpressionPtr made;
    if (now().kind == Kind::integer) {
      const bool prefixed = text.size() > 2 && !(text[1] >= '0' && text[1] <= '9');
      const int base = !prefixed ? 10 : (text[1] | 0x20) == 'x' ? 16 : (text[1] | 0x20) == 'o' ? 8 : 2;
      std::string digits = prefixed ? text.substr(2) : text;
      std::erase(digits, '_');
      int64_t value = 0;
      if (std::from_chars(digits.data(), digits.data() + digits.size(), value, base).ec != std::errc())
        reject("expected a whole number below 2^63, found ", text);
      made = literal(Value::integer(value));
    } else {
      double value = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
        reject("expected a number that a double can hold, found ", text);
      made = literal(Value::number(value));
    }
    next();
    return made;
  }

  ExpressionPtr brackets() {
    next();
    if (take_symbol(")")) return make(Expression::Kind::tuple, "");
    auto inner = tuple_or_expression();
    need_symbol(")");
    return inner;
  }

  ExpressionPtr list() {
    auto made = make(Expression::Kind::list, "");
    next();
    while (!take_symbol("]")) {
      if (!made->parts.empty()) need_symbol(",");
      if (take_symbol("]")) break;
      adopt(*made, expression());
    }
    return made;
  }

  ExpressionPtr dict() {
    auto made = make(Expression::Kind::dict, "");
    next();
    while (!take_symbol("}")) {
      if (!made->parts.empty()) need_symbol(",");
      if (take_symbol("}")) break;
      adopt(*made, expression());
      need_symbol(":");
      adopt(*made, expression());
    }
    return made;
  }

  ExpressionPtr postfix(ExpressionPtr value) {
    for (;;) {
      if (take_symbol(".")) {
        if (now().kind == Kind::integer) {
          value = make(Expression::Kind::item, "", std::move(value), number());
        } else {
          std::string attribute = name("an attribute");
          value = make(Expression::Kind::attribute, std::move(attribute), std::move(value));
        }
      } else if (take_symbol("[")) {
        value = subscript(std::move(value));
      } else if (is_symbol("(")) {
        value = make(Expression::Kind::call, "", std::move(value));
        arguments(*value);
      } else {
        return value;
      }
    }
  }

  ExpressionPtr subscript(ExpressionPtr value) {
    ExpressionPtr first, last, step;
    if (!is_symbol(":")) {
      first = tuple_or_expression();
      if (take_symbol("]")) return make(Expression::Kind::item, "", std::move(value), std::move(first));
    }
    need_symbol(":");
    if (!is_symbol(":") && !is_symbol("]")) last = expression();
    if (take_symbol(":") && !is_symbol("]")) step = expression();
    need_symbol("]");
    return make(Expression::Kind::slice, "", std::move(value), std::move(first), std::move(last), std::move(step));
  }

  void arguments(Expression& call) {
    need_symbol("(");
    for (bool first = true; !take_symbol(")"); first = false) {
      if (!first) need_symbol(",");
      if (take_symbol(")")) break;
      if (is_symbol("*") || is_symbol("**")) reject("arguments that are unpacked with * are not supported");
      if (now().kind == Kind::name && after().kind == Kind::symbol && after().text == "=") {
        std::string key = name("a name");
        next();
        auto value = expression();
        grow(call, *value);
        call.named.emplace_back(std::move(key), std::move(value));
      } else {
        if (!call.named.empty()) reject("an argument without a name follows one with a name");
        adopt(call, expression());
      }
    }
  }

  ExpressionPtr filters_and_tests(ExpressionPtr value) {
    for (;;) {
      if (is_symbol("|")) {
        value = filter_chain_after(std::move(value));
      } else if (is_name("is")) {
        value = test(std::move(value));
      } else if (is_symbol("(")) {
        value = make(Expression::Kind::call, "", std::move(value));
        arguments(*value);
      } else {
        return value;
      }
    }
  }

  // name(arguments) | name(arguments) ...
  ExpressionPtr filter_chain(ExpressionPtr value) {
    do {
      std::string filter = name("the name of a filter");
      value = make(Expression::Kind::filter, std::move(filter), std::move(value));
      if (is_symbol("(")) arguments(*value);
    } while (take_symbol("|"));
    return value;
  }
  ExpressionPtr filter_chain_after(ExpressionPtr value) {
    next();
    return filter_chain(std::move(value));
  }

  ExpressionPtr test(ExpressionPtr value) {
    next();
    const bool negated = take_name("not");
    std::string kind = name("the name of a test");
    auto made = make(Expression::Kind::test, std::move(kind), std::move(value));
    if (is_symbol("(")) {
      arguments(*made);
    } else if (begins_argument()) {
      adopt(*made, postfix(primary()));
    }
    return negated ? make(Expression::Kind::logical_not, "", std::move(made)) : std::move(made);
  }
  bool begins_argument() const {
    switch (now().kind) {
      case Kind::string:
      case Kind::integer:
      case Kind::number:
        return true;
      case Kind::name:
        if (now().text == "is") reject("a test follows a test; write brackets around the first");
        return now().text != "else" && now().text != "or" && now().text != "and" && now().text != "if";
      default:
        return is_symbol("[") || is_symbol("{");
    }
  }

  std::vector<Token> tokens_;
  const std::string& name_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Body parse(std::string_view source, const std::string& name) {
  if (source.size() > kLargestTemplate)
    fail(name, ": expected a template of at most ", kLargestTemplate, " bytes, found ", source.size());
  return Parser(tokenise(source, name), name).run();
}

}  // namespace strata::jinja

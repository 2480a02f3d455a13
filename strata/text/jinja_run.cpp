#include "strata/text/jinja_run.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/jinja_numbers.h"

namespace strata::jinja {

/// Names and what they stand for, inside the scope around it.
struct Scope {
  Scope* parent = nullptr;
  std::map<std::string, Value, std::less<>> names;

  void set(const std::string& name, Value value) { names.insert_or_assign(name, std::move(value)); }
};

namespace {

constexpr int kDeepestRun = 800;  // evaluations and statements inside each other, calls of macros included

int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

class Interpreter {
 public:
  Interpreter(const Value& variables, std::time_t now, const Limits& limits)
      : meter_(limits.steps), limits_(limits), now_(now), out_(&output_.text) {
    scopes_.emplace_back();
    scope_ = &scopes_.back();
    for (const auto& [key, value] : variables.dict()->items) scope_->set(*key.text(), value);
  }

  // A namespace can hold itself; nothing is left of one once its names are gone.
  ~Interpreter() {
    for (auto& space : spaces_) space->items.clear();
  }
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void run(const Body& body) { execute(body); }
  int line() const { return line_; }
  Output take() { return std::move(output_); }

 private:
  enum class Flow { on, leave_loop, next_turn };

  // Counts nesting at run time, so that no recursion of macros can exhaust the stack.
  class Deeper {
   public:
    explicit Deeper(int& depth) : depth_(depth) {
      if (++depth_ > kDeepestRun) {
        --depth_;
        fail("expected at most ", kDeepestRun, " calls and expressions inside each other, found more");
      }
    }
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    int& depth_;
  };

  // While one lives, names are bound in a scope of its own.
  class Inside {
   public:
    Inside(Interpreter& interpreter, Scope* parent) : interpreter_(interpreter), before_(interpreter.scope_) {
      interpreter_.scope_ = &interpreter_.scopes_.emplace_back();
      interpreter_.scope_->parent = parent;
    }
    ~Inside() { interpreter_.scope_ = before_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Interpreter& interpreter_;
    Scope* before_;
  };

  // ---- statements

  Flow execute(const Body& body) {
    const Deeper deeper(depth_);
    for (const auto& statement : body) {
      line_ = statement->line;
      meter_.charge(1);
      const Flow flow = execute(*statement);
      if (flow != Flow::on) return flow;
    }
    return Flow::on;
  }

  Flow execute(const Statement& statement) {
    switch (statement.kind) {
      case Statement::Kind::text:
        print(statement.text);
        return Flow::on;
      case Statement::Kind::output:
        folding_ = statement.folded;
        print_value(evaluate(*statement.value));
        folding_ = false;
        return Flow::on;
      case Statement::Kind::for_loop:
        return for_loop(statement);
      case Statement::Kind::if_else:
        return execute(truthy(evaluate(*statement.condition)) ? statement.body : statement.otherwise);
      case Statement::Kind::set:
        set(statement, evaluate(*statement.value));
        return Flow::on;
      case Statement::Kind::set_body: {
        std::string text;
        const Flow flow = captured(statement.body, text);
        if (flow != Flow::on) return flow;
        set(statement, filtered(statement, Value::text(std::move(text))));
        return Flow::on;
      }
      case Statement::Kind::filter: {
        std::string text;
        const Flow flow = captured(statement.body, text);
        if (flow == Flow::on) print_value(filtered(statement, Value::text(std::move(text))));
        return flow;
      }
      case Statement::Kind::with: {
        std::vector<Value> values;
        for (const auto& part : statement.value->parts) values.push_back(evaluate(*part));
        const Inside inside(*this, scope_);
        for (size_t i = 0; i < values.size(); ++i) scope_->set(statement.names[i], std::move(values[i]));
        return execute(statement.body);
      }
      case Statement::Kind::macro:
        scope_->set(statement.macro->name, Value(Value::Data(std::make_shared<const Function>(Function{
                                               statement.macro->name, Value(), statement.macro.get(), scope_}))));
        return Flow::on;
      case Statement::Kind::generation: {
        const size_t begin = out_->size();
        const Inside inside(*this, scope_);
        const Flow flow = execute(statement.body);
        if (out_ == &output_.text) output_.generated.emplace_back(begin, out_->size());
        return flow;
      }
      case Statement::Kind::break_loop:
        return Flow::leave_loop;
      case Statement::Kind::continue_loop:
        return Flow::next_turn;
    }
    return Flow::on;
  }

  void print(const std::string& text) {
    meter_.charge(static_cast<int64_t>(text.size() / 64));
    if (out_->size() + text.size() > limits_.output)
      fail("expected at most ", limits_.output, " bytes of text, found more");
    *out_ += text;
  }

  void print_value(const Value& value) {
    meter_.charge(value.weight());
    print(to_text(value));
  }

  // What a body prints, as text; its names are its own. A break or continue in it leaves the text behind, as in Jinja.
  Flow captured(const Body& body, std::string& text) {
    const Inside inside(*this, scope_);
    std::string* const before = std::exchange(out_, &text);
    const Flow flow = execute(body);
    out_ = before;
    return flow;
  }

  // The text of a body stands under the empty name for the filters behind it.
  Value filtered(const Statement& statement, Value text) {
    if (!statement.value) return text;
    const Inside inside(*this, scope_);
    scope_->set("", std::move(text));
    return evaluate(*statement.value);
  }

  void assign(const Target& target, const Value& value) {
    if (target.parts.empty()) return scope_->set(target.name, value);
    const auto items = iterate(value, meter_);
    const auto& parts = target.parts;
    if (items.size() != parts.size()) fail("expected ", parts.size(), " values to unpack, found ", items.size());
    for (size_t i = 0; i < parts.size(); ++i) assign(parts[i], items[i]);
  }

  void set(const Statement& statement, Value value) {
    if (statement.attribute.empty()) return assign(statement.target, value);
    const Value target = lookup(statement.target.name);
    if (!target.space())
      fail("expected '", statement.target.name, "' to be a namespace, whose attributes can be set, found ",
           type_name(target));
    target.space()->items.insert_or_assign(statement.attribute, std::move(value));
  }

  Flow for_loop(const Statement& loop) {
    auto items = iterate(evaluate(*loop.value), meter_);
    if (loop.condition) {
      std::vector<Value> kept;
      const Inside inside(*this, scope_);
      for (const Value& entry : items) {
        assign(loop.target, entry);
        if (truthy(evaluate(*loop.condition))) kept.push_back(entry);
      }
      items = std::move(kept);
    }
    if (items.empty()) {
      const Inside inside(*this, scope_);
      return execute(loop.otherwise);
    }
    const Value list = Value::list(std::move(items));
    const auto changed = std::make_shared<Value>();
    Flow flow = Flow::on;
    for (size_t i = 0; i < list.list()->items.size() && flow != Flow::leave_loop; ++i) {
      meter_.charge(4);  // a scope
      const Inside inside(*this, scope_);
      assign(loop.target, list.list()->items[i]);
      scope_->set(
          "loop",
          Value(Value::Data(std::make_shared<const LoopState>(LoopState{list, static_cast<int64_t>(i), changed}))));
      flow = execute(loop.body);
    }
    return Flow::on;
  }

  // ---- expressions

  Value lookup(const std::string& name) const {
    for (const Scope* scope = scope_; scope; scope = scope->parent)
      if (const auto found = scope->names.find(name); found != scope->names.end()) return found->second;
    if (is_global(name))
      return Value(Value::Data(std::make_shared<const Function>(Function{name, Value(), nullptr, nullptr})));
    return Value::undefined(name);
  }

  Value evaluate(const Expression& expression) {
    const Deeper deeper(depth_);
    meter_.charge(1);
    line_ = expression.line;
    const auto part = [&](size_t i) { return evaluate(*expression.parts[i]); };
    switch (expression.kind) {
      case Expression::Kind::literal:
        return expression.value;
      case Expression::Kind::name:
        return lookup(expression.text);
      case Expression::Kind::list:
      case Expression::Kind::tuple: {
        std::vector<Value> items;
        items.reserve(expression.parts.size());
        for (const auto& entry : expression.parts) items.push_back(evaluate(*entry));
        return Value::list(std::move(items), expression.kind == Expression::Kind::tuple);
      }
      case Expression::Kind::dict:
        return dict(expression);
      case Expression::Kind::attribute:
        return attribute(part(0), expression.text);
      case Expression::Kind::item: {
        const Value value = part(0);
        if (value.text()) meter_.charge(value.weight());
        const Value key = part(1);
        meter_.charge(key.weight());
        return item(value, key);
      }
      case Expression::Kind::slice:
        return slice(expression);
      case Expression::Kind::call:
        return call(expression);
      case Expression::Kind::filter: {
        const Value value = part(0);
        return made(apply_filter(expression.text, value, arguments(expression), meter_));
      }
      case Expression::Kind::test: {
        const Value value = part(0);
        return Value::boolean(apply_test(expression.text, value, arguments(expression), meter_));
      }
      case Expression::Kind::negate:
        return negated(part(0));
      case Expression::Kind::positive: {
        Value value = part(0);
        if (!value.is_number()) fail("expected a number after +, found ", type_name(value));
        return value.is_integer() ? Value::integer(value.as_integer()) : value;  // +true is 1
      }
      case Expression::Kind::logical_not:
        return Value::boolean(!truthy(part(0)));
      case Expression::Kind::logical_and: {
        Value left = part(0);
        return truthy(left) ? part(1) : left;
      }
      case Expression::Kind::logical_or: {
        Value left = part(0);
        return truthy(left) ? left : part(1);
      }
      case Expression::Kind::binary: {
        const Value left = part(0);
        return made(binary(expression.text, left, part(1)));
      }
      case Expression::Kind::comparison:
        return comparison(expression);
      case Expression::Kind::conditional:
        if (truthy(part(0))) return part(1);
        return expression.parts[2] ? part(2) : Value::undefined("the else of an inline if");
    }
    return {};
  }

  // Pays for a value that was just built.
  Value made(Value value) {
    if (value.text()) meter_.charge(value.weight());
    if (value.list()) meter_.charge(std::ssize(value.list()->items));
    return value;
  }

  Arguments arguments(const Expression& call) {
    Arguments result;
    for (size_t i = 1; i < call.parts.size(); ++i) result.positional.push_back(evaluate(*call.parts[i]));
    for (const auto& [name, value] : call.named) result.named.emplace_back(name, evaluate(*value));
    return result;
  }

  Value dict(const Expression& expression) {
    Dict dict;
    for (size_t i = 0; i < expression.parts.size(); i += 2) {
      const Value key = evaluate(*expression.parts[i]);
      meter_.charge(key.weight());
      dict.set(key, evaluate(*expression.parts[i + 1]));
    }
    return Value::dict(std::move(dict));
  }

  Value slice(const Expression& expression) {
    const Value value = evaluate(*expression.parts[0]);
    const auto bound = [&](size_t i) -> std::optional<int64_t> {
      if (!expression.parts[i]) return std::nullopt;
      const Value held = evaluate(*expression.parts[i]);
      if (held.is_none()) return std::nullopt;
      if (!held.is_integer()) fail("expected whole numbers in a slice, found ", type_name(held));
      return held.as_integer();
    };
    const auto first = bound(1), last = bound(2), by = bound(3);
    // Jinja looks a constant's slice up as it does an item, which may be missing.
    if (folding_ && !value.text() && !value.list() && !value.is_undefined()) return Value::undefined("a slice");
    const int64_t step = by.value_or(1);
    if (step == 0) fail("expected a step other than 0 in a slice");
    if (!value.text() && !value.list()) fail("expected a list or text to slice, found ", type_name(value));
    const auto items = iterate(value, meter_);
    const int64_t size = std::ssize(items), low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    const auto clamped = [&](std::optional<int64_t> at, int64_t fallback) {
      if (!at) return fallback;
      return std::clamp(*at < 0 ? *at + size : *at, low, high);
    };
    std::vector<Value> kept;
    const int64_t end = clamped(last, step > 0 ? high : low);
    for (int64_t i = clamped(first, step > 0 ? low : high); step > 0 ? i < end : i > end;) {
      kept.push_back(items[static_cast<size_t>(i)]);
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    if (!value.text()) return Value::list(std::move(kept), value.list()->tuple);
    std::string text;
    for (const Value& character : kept) text += *character.text();
    return Value::text(std::move(text));
  }

  Value call(const Expression& expression) {
    const Value callee = evaluate(*expression.parts[0]);
    if (callee.is_undefined())
      fail("'", std::get<Undefined>(callee.data()).name, "' is undefined, so it cannot be called");
    const Function* function = callee.function();
    if (!function) fail("expected a function to call, found ", type_name(callee));
    const Arguments given = arguments(expression);
    line_ = expression.line;
    if (function->macro) return call_macro(*function->macro, function->scope, given);
    if (!function->self.is_undefined()) return made(call_method(function->self, function->name, given, meter_));
    Value result = call_global(function->name, given, meter_, now_);
    if (const auto* space = std::get_if<std::shared_ptr<Namespace>>(&result.data())) spaces_.push_back(*space);
    return made(std::move(result));
  }

  Value call_macro(const Macro& macro, Scope* scope, const Arguments& given) {
    const Deeper deeper(depth_);
    if (given.positional.size() > macro.parameters.size())
      fail("the macro '", macro.name, "' takes ", macro.parameters.size(), " arguments, found ",
           given.positional.size());
    for (const auto& [name, value] : given.named)
      if (std::none_of(macro.parameters.begin(), macro.parameters.end(),
                       [&](const auto& parameter) { return parameter.first == name; }))
        fail("the macro '", macro.name, "' has no parameter '", name.substr(0, 80), "'");
    const Inside inside(*this, scope);
    for (size_t i = 0; i < macro.parameters.size(); ++i) {
      const auto& [name, fallback] = macro.parameters[i];
      const Value* value = given.get(i, name);
      scope_->set(name, value ? *value : fallback ? evaluate(*fallback) : Value::undefined(name));
    }
    std::string text;
    captured(macro.body, text);
    return Value::text(std::move(text));
  }

  static Value negated(const Value& value) {
    if (value.is_integer() && value.as_integer() != INT64_MIN) return Value::integer(-value.as_integer());
    if (!value.is_number()) fail("expected a number after -, found ", type_name(value));
    return Value::number(-value.as_number());
  }

  Value comparison(const Expression& expression) {
    Value left = evaluate(*expression.parts[0]);
    for (size_t i = 0; i < expression.operators.size(); ++i) {
      Value right = evaluate(*expression.parts[i + 1]);
      if (!holds(expression.operators[i], left, right)) return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }

  bool holds(const std::string& op, const Value& left, const Value& right) {
    if (op == "in") return contains(right, left, meter_);
    if (op == "not in") return !contains(right, left, meter_);
    meter_.charge(std::min(left.weight(), right.weight()));
    if (op == "==") return equal(left, right);
    if (op == "!=") return !equal(left, right);
    const auto order = compare(left, right);
    return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
  }

  Value binary(const std::string& op, const Value& left, const Value& right) {
    if (op == "~") {
      meter_.charge(left.weight() + right.weight());
      return Value::text(to_text(left) + to_text(right));
    }
    if (op == "+") {
      if (left.text() && right.text()) return Value::text(*left.text() + *right.text());
      if (left.list() && right.list() && left.list()->tuple == right.list()->tuple) {
        auto items = iterate(left, meter_);
        const auto more = iterate(right, meter_);
        items.insert(items.end(), more.begin(), more.end());
        return Value::list(std::move(items), left.list()->tuple);
      }
    }
    if (op == "*" && right.is_integer() && (left.text() || left.list())) return repeated(left, right.as_integer());
    if (op == "*" && left.is_integer() && (right.text() || right.list())) return repeated(right, left.as_integer());
    if (op == "%" && left.text()) {
      const bool tuple = right.list() && right.list()->tuple;
      // A list or dict may hold what the format does not ask for.
      const bool need_all = tuple || !(right.list() || right.dict() || right.is_undefined());
      const auto values = tuple ? right.list()->items : std::vector<Value>{right};
      return Value::text(percent_format(*left.text(), values, need_all, meter_));
    }
    if (!left.is_number() || !right.is_number())
      fail("expected two numbers", op == "+" ? ", two texts or two lists" : "", " for ", op, ", found ",
           type_name(left), " and ", type_name(right), op == "+" ? "; ~ joins values of any type" : "");
    if (op == "/") {
      if (right.as_number() == 0) fail("division by zero");
      return Value::number(left.as_number() / right.as_number());
    }
    return left.is_integer() && right.is_integer() ? whole(op, left.as_integer(), right.as_integer())
                                                   : real(op, left.as_number(), right.as_number());
  }

  Value repeated(const Value& value, int64_t times) {
    times = std::max<int64_t>(times, 0);
    const int64_t size = value.text() ? std::ssize(*value.text()) : std::ssize(value.list()->items);
    if (size > 0 && times > static_cast<int64_t>(limits_.output) / size)
      fail("expected at most ", limits_.output, " items or bytes, found more");
    meter_.charge(value.text() ? size * times / 64 : size * times);
    if (value.text()) {
      std::string text;
      for (int64_t i = 0; i < times && size > 0; ++i) text += *value.text();
      return Value::text(std::move(text));
    }
    std::vector<Value> items;
    for (int64_t i = 0; i < times && size > 0; ++i)
      items.insert(items.end(), value.list()->items.begin(), value.list()->items.end());
    return Value::list(std::move(items), value.list()->tuple);
  }

  static Value whole(const std::string& op, int64_t a, int64_t b) {
    int64_t result = 0;
    bool over = false;
    if (op == "+") {
      over = __builtin_add_overflow(a, b, &result);
    } else if (op == "-") {
      over = __builtin_sub_overflow(a, b, &result);
    } else if (op == "*") {
      over = __builtin_mul_overflow(a, b, &result);
    } else if (op == "**") {
      if (b < 0) return real(op, static_cast<double>(a), static_cast<double>(b));
      result = 1;
      const bool small = a >= -1 && a <= 1;  // any power fits
      for (int64_t i = 0; i < (small ? b % 2 + 2 * (b > 1) : b) && !over; ++i)
        over = __builtin_mul_overflow(result, a, &result);
    } else {
      if (b == 0) fail("division by zero");
      over = a == INT64_MIN && b == -1;
      if (!over) result = op == "//" ? floor_divide(a, b) : a - floor_divide(a, b) * b;
    }
    if (over) fail("expected whole numbers below 2^63, found a larger one");
    return Value::integer(result);
  }

  static Value real(const std::string& op, double a, double b) {
    if (op == "+") return Value::number(a + b);
    if (op == "-") return Value::number(a - b);
    if (op == "*") return Value::number(a * b);
    if (op == "**") return Value::number(power(a, b));
    if (b == 0) fail("division by zero");
    // What is left over is exact and has the divisor's sign, a zero too; the quotient of both rounded is not: 1 // 0.1 is 9.
    double rest = std::fmod(a, b);
    const bool across = rest != 0 && (rest < 0) != (b < 0);
    if (op == "%") return Value::number(rest == 0 ? std::copysign(0.0, b) : across ? rest + b : rest);
    const double quotient = (a - rest) / b - (across ? 1 : 0);
    return Value::number(quotient == 0 ? std::copysign(0.0, a / b) : std::round(quotient));
  }

  static double power(double a, double b) {
    if (a == 0 && b < 0) fail("division by zero");
    const double result = std::pow(a, b);
    if (std::isnan(result) && !std::isnan(a) && !std::isnan(b))
      fail("expected a whole number as the power of a negative number, found ", b);
    if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) fail("a power is beyond the range of a double");
    return result;
  }

  Meter meter_;
  const Limits& limits_;
  std::time_t now_;
  Output output_;
  std::string* out_;
  std::deque<Scope> scopes_;  // all of them, to the end: macros look into those they were written in
  std::vector<std::shared_ptr<Namespace>> spaces_;
  Scope* scope_;
  bool folding_ = false;  // within an output of constants
  int depth_ = 0;
  int line_ = 1;
};

}  // namespace

Output run(const Body& body, const Value& variables, std::time_t now, const Limits& limits, const std::string& name) {
  Interpreter interpreter(variables, now, limits);
  try {
    interpreter.run(body);
  } catch (const Error& error) {
    fail(name, ", line ", interpreter.line(), ": ", error.what());
  }
  return interpreter.take();
}

}  // namespace strata::jinja

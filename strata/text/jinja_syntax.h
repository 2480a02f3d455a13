#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strata/text/jinja_value.h"

namespace strata::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind {
    literal,      // value
    name,         // text
    list,         // parts
    tuple,        // parts
    dict,         // parts: key, value, key, value, ...
    attribute,    // parts[0] . text
    item,         // parts[0] [ parts[1] ]
    slice,        // parts[0] [ parts[1] : parts[2] : parts[3] ], each of the three may be null
    call,         // parts[0] ( parts[1...], named )
    filter,       // parts[0] | text ( parts[1...], named )
    test,         // parts[0] is text ( parts[1...], named )
    negate,       // - parts[0]
    positive,     // + parts[0]
    logical_not,  // not parts[0]
    logical_and,  // parts[0] and parts[1]
    logical_or,   // parts[0] or parts[1]
    binary,       // parts[0] text parts[1]
    comparison,   // parts[0] operators[0] parts[1] operators[1] ...
    conditional,  // parts[1] if parts[0] else parts[2], which may be null
  };
  Kind kind = Kind::literal;
  int line = 1;
  int depth = 1;  // of the tree below
  std::string text;
  Value value;
  std::vector<ExpressionPtr> parts;
  std::vector<std::string> operators;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

/// A macro's parameters are names, the last of them with defaults (null: none).
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;
  Body body;
};

/// What a value is bound to: a name, or the parts that its items are unpacked into.
struct Target {
  std::string name;
  std::vector<Target> parts;
};

struct Statement {
  enum class Kind {
    text,          // text
    output,        // value, which may be folded
    for_loop,      // for target in value if condition: body, else otherwise
    if_else,       // if condition: body, else otherwise (an elif is an if alone in otherwise)
    set,           // target = value, or target.attribute = value
    set_body,      // target = what body prints, through value, a filter of the name "" when there is one
    filter,        // what body prints, through value, as above
    with,          // names are bound one by one to value's parts for body
    macro,         // macro
    generation,    // body, and which bytes of the output it is
    break_loop,    //
    continue_loop  //
  };
  Kind kind = Kind::text;
  int line = 1;
  std::string text;
  Target target;
  bool folded = false;  // an output of constants alone
  std::vector<std::string> names;
  std::string attribute;
  ExpressionPtr condition, value;
  Body body, otherwise;
  std::unique_ptr<Macro> macro;
};

}  // namespace strata::jinja

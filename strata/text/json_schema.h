#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace strata {

/// A grammar (see parse_grammar) whose every text is JSON that a JSON Schema accepts, in as much white space as people
/// write. Followed: type (one or several), enum, const, properties, required, additionalProperties, items, prefixItems,
/// minItems, maxItems, minLength, maxLength, pattern (anchored: literals, classes, groups, repetitions), format (date,
/// time, date-time, uuid), minimum, maximum, exclusiveMinimum and exclusiveMaximum of integers, anyOf, oneOf of
/// alternatives that exclude each other, allOf of one, $ref within the schema. Properties come in the order written;
/// those not listed come only where none is listed. Throws Error naming place and keyword for what is not followed and
/// what nothing can fulfil.
std::string json_schema_to_grammar(const nlohmann::ordered_json& schema, const std::string& name = "schema");

/// Any JSON object, as "json mode" asks for.
std::string json_object_grammar();

}  // namespace strata

//! Reading a filter from JSON text. Everything a client can make large has a limit, and whatever is not understood is
//! refused by its name: a condition that was silently dropped would list what nobody asked for.

use super::compare::FieldValue;
use super::condition::{Comparison, Filter, Node, OneOf, Test};
use super::date;
use super::{BadQuery, FilterKey};
use crate::domain::json::Value;
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;

const BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 64;
/// Each is asked about every entry; the values of one `$in` count as one.
const CONDITIONS_MAX: usize = 5_000;
const REGEXES_MAX: usize = 32;
const REGEX_BYTES_MAX: usize = 4_096;
/// What one compiled expression may take.
const REGEX_MEMORY_MAX: usize = 1 << 20;

impl<K: FilterKey> Filter<K> {
    /// Reads the filter of a request; an empty text, `null` and `{}` mean every entry.
    pub fn parse(text: &str) -> Result<Self, BadQuery> {
        if matches!(text.trim(), "" | "null" | "{}") {
            return Ok(Self::all());
        }
        if text.len() > BYTES_MAX {
            return Err(BadQuery::new(format!("a filter has at most {BYTES_MAX} bytes, this one has {}", text.len())));
        }
        let value = Value::parse(text.as_bytes(), DEPTH_MAX);
        let value = value.map_err(|why| BadQuery::new(format!("the filter is no JSON: {why}")))?;
        let mut parser = Parser::<K> { fields: Vec::new(), number_of: HashMap::new(), conditions: 0, regexes: 0 };
        let root = match &value {
            Value::Object(members) => parser.document("", members)?,
            _ => return Err(BadQuery::new("a filter is a JSON object")),
        };
        Ok(Self { fields: parser.fields, root })
    }
}

struct Parser<K> {
    fields: Vec<K>,
    number_of: HashMap<K, usize>,
    conditions: usize,
    regexes: usize,
}

impl<K: FilterKey> Parser<K> {
    /// All members hold. `prefix` is empty, or the key that the members are nested in with a dot after it.
    fn document(&mut self, prefix: &str, members: &[(String, Value)]) -> Result<Node, BadQuery> {
        let mut nodes = Vec::with_capacity(members.len());
        for (key, value) in members {
            let node = if key.starts_with('$') {
                self.join(key, value)?
            } else {
                self.condition(&format!("{prefix}{key}"), value)?
            };
            nodes.push(node);
        }
        Ok(one_or(nodes, Node::And))
    }

    /// An operator that stands where a key could.
    fn join(&mut self, operator: &str, value: &Value) -> Result<Node, BadQuery> {
        match operator {
            "$and" => Ok(one_or(self.documents(operator, value)?, Node::And)),
            "$or" => Ok(one_or(self.documents(operator, value)?, Node::Or)),
            "$nor" => Ok(Node::Not(Box::new(Node::Or(self.documents(operator, value)?)))),
            "$not" => match value {
                Value::Object(members) => Ok(Node::Not(Box::new(self.document("", members)?))),
                _ => Err(BadQuery::new("`$not` has to be followed by an object")),
            },
            _ => {
                Err(BadQuery::new(format!("`{operator}` joins no conditions; there are `$and`, `$or`, `$nor`, `$not`")))
            }
        }
    }

    /// A disabled condition is null in what the client generates: it is as if it were not there.
    fn documents(&mut self, operator: &str, value: &Value) -> Result<Vec<Node>, BadQuery> {
        let wrong = || BadQuery::new(format!("`{operator}` has to be followed by a list of objects"));
        let items = value.as_array().ok_or_else(wrong)?;
        let mut nodes = Vec::new();
        for item in items {
            match item {
                Value::Object(members) => nodes.push(self.document("", members)?),
                Value::Null => {}
                _ => return Err(wrong()),
            }
        }
        if nodes.is_empty() && !items.is_empty() && operator == "$or" {
            nodes.push(Node::And(Vec::new()));
        }
        Ok(nodes)
    }

    fn condition(&mut self, key: &str, value: &Value) -> Result<Node, BadQuery> {
        let members = value.as_object().filter(|members| !members.is_empty());
        let Some(members) = members else {
            let field = K::parse(key)?;
            let operand = operand(key, &field, value)?;
            return self.test(field, Test::Equal(operand));
        };
        let operators = members.iter().filter(|(name, _)| name.starts_with('$')).count();
        if operators == 0 {
            return self.document(&format!("{key}."), members);
        }
        if operators < members.len() {
            return Err(BadQuery::new(format!("`{key}` mixes operators with keys")));
        }
        self.operators(key, &K::parse(key)?, members)
    }

    fn operators(&mut self, key: &str, field: &K, members: &[(String, Value)]) -> Result<Node, BadQuery> {
        let mut nodes = Vec::with_capacity(members.len());
        for (operator, value) in members {
            let node = match operator.as_str() {
                "$eq" => self.test(field.clone(), Test::Equal(operand(key, field, value)?))?,
                "$ne" => Node::Not(Box::new(self.test(field.clone(), Test::Equal(operand(key, field, value)?))?)),
                "$lt" => self.compare(key, field, Comparison::Less, value)?,
                "$lte" => self.compare(key, field, Comparison::LessOrEqual, value)?,
                "$gt" => self.compare(key, field, Comparison::Greater, value)?,
                "$gte" => self.compare(key, field, Comparison::GreaterOrEqual, value)?,
                "$in" => self.test(field.clone(), Test::In(one_of(key, field, operator, value)?))?,
                "$nin" => {
                    Node::Not(Box::new(self.test(field.clone(), Test::In(one_of(key, field, operator, value)?))?))
                }
                "$all" => self.test(field.clone(), Test::All(operands(key, field, operator, value)?))?,
                "$exists" => self.test(field.clone(), Test::Exists(flag(key, value)?))?,
                "$size" => self.test(field.clone(), Test::Size(size(key, value)?))?,
                "$contains" => self.test(field.clone(), Test::Contains(text(key, operator, value)?.to_owned()))?,
                "$regex" => {
                    let options = members.iter().find(|(name, _)| name == "$options");
                    let options = options.map_or(Ok(""), |(_, options)| text(key, "$options", options))?;
                    let regex = self.regex(key, text(key, operator, value)?, options)?;
                    self.test(field.clone(), Test::Regex(regex))?
                }
                "$options" if members.iter().any(|(name, _)| name == "$regex") => continue,
                "$not" => match value {
                    Value::Object(members) if !members.is_empty() => {
                        Node::Not(Box::new(self.operators(key, field, members)?))
                    }
                    _ => return Err(BadQuery::new(format!("`$not` of `{key}` has to be followed by operators"))),
                },
                _ => return Err(BadQuery::new(format!("`{operator}` of `{key}` is no operator of filters"))),
            };
            nodes.push(node);
        }
        Ok(one_or(nodes, Node::And))
    }

    fn compare(&mut self, key: &str, field: &K, how: Comparison, value: &Value) -> Result<Node, BadQuery> {
        self.test(field.clone(), Test::Compare(how, operand(key, field, value)?))
    }

    fn test(&mut self, field: K, test: Test) -> Result<Node, BadQuery> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            let hint = "use `$in` for lists of values";
            return Err(BadQuery::new(format!("a filter has at most {CONDITIONS_MAX} conditions; {hint}")));
        }
        let next = self.fields.len();
        let number = *self.number_of.entry(field.clone()).or_insert(next);
        if number == next {
            self.fields.push(field);
        }
        Ok(Node::Test(number, test))
    }

    fn regex(&mut self, key: &str, pattern: &str, options: &str) -> Result<Regex, BadQuery> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(BadQuery::new(format!("a filter has at most {REGEXES_MAX} regular expressions")));
        }
        if pattern.len() > REGEX_BYTES_MAX {
            return Err(BadQuery::new(format!("`$regex` of `{key}` has more than {REGEX_BYTES_MAX} bytes")));
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(REGEX_MEMORY_MAX).dfa_size_limit(REGEX_MEMORY_MAX);
        for option in options.chars() {
            match option {
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'x' => builder.ignore_whitespace(true),
                _ => return Err(BadQuery::new(format!("`$options` of `{key}` are of `imsx`"))),
            };
        }
        builder.build().map_err(|why| BadQuery::new(format!("`$regex` of `{key}` cannot be used: {why}")))
    }
}

fn one_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            join(nodes)
        }
    }
}

fn operand<K: FilterKey>(key: &str, field: &K, value: &Value) -> Result<FieldValue, BadQuery> {
    if !field.is_date() || *value == Value::Null {
        return Ok(FieldValue::Json(value.clone()));
    }
    let date = date::parse(value).map(FieldValue::Time);
    let wrong =
        || format!("`{key}` is compared with dates like \"2026-01-31T12:00:00Z\", not with {}", value.to_text());
    date.ok_or_else(|| BadQuery::new(wrong()))
}

fn operands<K: FilterKey>(key: &str, field: &K, operator: &str, value: &Value) -> Result<Vec<FieldValue>, BadQuery> {
    let Some(items) = value.as_array() else {
        return Err(BadQuery::new(format!("`{operator}` of `{key}` has to be followed by a list")));
    };
    items.iter().map(|item| operand(key, field, item)).collect()
}

fn one_of<K: FilterKey>(key: &str, field: &K, operator: &str, value: &Value) -> Result<OneOf, BadQuery> {
    let mut one_of = OneOf::default();
    for operand in operands(key, field, operator, value)? {
        match operand {
            FieldValue::Json(Value::Text(text)) => {
                one_of.texts.insert(text);
            }
            other => one_of.others.push(other),
        }
    }
    Ok(one_of)
}

fn text<'a>(key: &str, operator: &str, value: &'a Value) -> Result<&'a str, BadQuery> {
    value.as_str().ok_or_else(|| BadQuery::new(format!("`{operator}` of `{key}` has to be followed by a text")))
}

fn flag(key: &str, value: &Value) -> Result<bool, BadQuery> {
    let number = || value.as_i64().map(|number| number != 0);
    let wrong = || BadQuery::new(format!("`$exists` of `{key}` has to be followed by true or false"));
    value.as_bool().or_else(number).ok_or_else(wrong)
}

fn size(key: &str, value: &Value) -> Result<u64, BadQuery> {
    let size = value.as_i64().and_then(|size| u64::try_from(size).ok());
    size.ok_or_else(|| BadQuery::new(format!("`$size` of `{key}` has to be followed by a number of elements")))
}

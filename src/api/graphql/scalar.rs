//! The scalars of the client's schema. JSON that is text already goes out as it is, without being taken apart.

use crate::domain::clock::Timestamp;
use crate::domain::json::Value as Json;
use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use bytes::Bytes;

/// JSON text inside a string. Bare NaN is allowed in it: all clients read their own dialect.
pub(super) struct JsonString(pub String);

#[Scalar(name = "JSONString")]
impl ScalarType for JsonString {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// JSON as part of the answer. wandb 0.31.0 reads it strictly, so NaN is written as text. Only ever sent.
pub(super) struct StrictJson(Bytes);

impl StrictJson {
    pub fn of(value: &Json) -> Self {
        Self(value.to_strict_text().into())
    }

    /// Text that is strict JSON already.
    pub fn from_text(text: impl Into<Bytes>) -> Self {
        Self(text.into())
    }

    /// A list of texts that are strict JSON already.
    pub fn list(items: &[String]) -> Self {
        let mut text = String::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 2);
        text.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(item);
        }
        text.push(']');
        Self(text.into())
    }
}

#[Scalar(name = "JSON")]
impl ScalarType for StrictJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    /// The writer of answers passes binary through; see `http::write_value`.
    fn to_value(&self) -> Value {
        Value::Binary(self.0.clone())
    }
}

/// A whole number that may need more than 32 bits.
#[derive(Clone, Copy)]
pub(super) struct Int64(pub i64);

#[Scalar(name = "Int64")]
impl ScalarType for Int64 {
    /// 0.17.9 sends such numbers as text now and then.
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// Milliseconds in `waitDuration` (wandb 0.31.0, `sdk/wandb_alerts.py`).
pub(super) struct Duration(pub i64);

#[Scalar(name = "Duration")]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        <Int64 as ScalarType>::parse(value).map(|Int64(millis)| Self(millis)).map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// `2026-01-31T12:00:00Z`: old clients take whole seconds only.
pub(super) struct DateTime(pub Timestamp);

#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_secs())
    }
}

//! Which Parquet type holds all values of a column without losing anything, if one does.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
};
use arrow_schema::{DataType, Field, Fields};

use super::SegmentError;
use crate::domain::json::{Kind, Number, RawValue, Scanner};

const MAX_DEPTH: usize = 8;
/// An object with more members is better off as text: each one would be a column with its own statistics.
const MAX_MEMBERS: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Nothing but nulls so far.
    Null,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Shape>),
    /// Members in the order of their first appearance.
    Struct(Vec<(String, Shape)>),
}

/// An integer that our own numbers cannot hold.
pub(super) fn is_big_int(value: RawValue<'_>) -> bool {
    value.raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && value.raw != "-0"
        && matches!(value.number(), Some(Number::Float(_)))
}

impl Shape {
    /// The shape of one value, or `None` when only text can hold it.
    pub(super) fn of(value: RawValue<'_>) -> Option<Shape> {
        Shape::within(value, MAX_DEPTH)
    }

    fn within(value: RawValue<'_>, depth: usize) -> Option<Shape> {
        match value.kind() {
            Kind::Null => Some(Shape::Null),
            Kind::Bool => Some(Shape::Bool),
            Kind::Text => Some(Shape::Text),
            Kind::Number => match value.number()? {
                Number::Int(_) => Some(Shape::Int),
                Number::Float(_) => (!is_big_int(value)).then_some(Shape::Float),
            },
            Kind::Array => {
                let depth = depth.checked_sub(1)?;
                let mut shape = Shape::Null;
                for item in items(value).ok()? {
                    shape = shape.merge(Shape::within(item, depth)?)?;
                }
                Some(Shape::List(Box::new(shape)))
            }
            Kind::Object => {
                let depth = depth.checked_sub(1)?;
                let members = members(value).ok()?;
                if members.is_empty() || members.len() > MAX_MEMBERS {
                    return None;
                }
                let mut shapes: Vec<(String, Shape)> = Vec::with_capacity(members.len());
                for (name, member) in members {
                    if shapes.iter().any(|(known, _)| *known == name) {
                        return None;
                    }
                    shapes.push((name, Shape::within(member, depth)?));
                }
                Some(Shape::Struct(shapes))
            }
        }
    }

    /// The shape that holds the values of both.
    pub(super) fn merge(self, other: Shape) -> Option<Shape> {
        match (self, other) {
            (Shape::Null, shape) | (shape, Shape::Null) => Some(shape),
            (Shape::List(left), Shape::List(right)) => Some(Shape::List(Box::new(left.merge(*right)?))),
            (Shape::Struct(left), Shape::Struct(mut right)) => {
                if left.len() != right.len() {
                    return None;
                }
                let mut merged = Vec::with_capacity(left.len());
                for (name, shape) in left {
                    let (_, other) = right.iter_mut().find(|(known, _)| *known == name)?;
                    let other = std::mem::replace(other, Shape::Null);
                    merged.push((name, shape.merge(other)?));
                }
                Some(Shape::Struct(merged))
            }
            (left, right) => (left == right).then_some(left),
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Shape::Bool => DataType::Boolean,
            Shape::Int => DataType::Int64,
            Shape::Float => DataType::Float64,
            Shape::Null | Shape::Text => DataType::Utf8,
            Shape::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            Shape::Struct(members) => DataType::Struct(
                members.iter().map(|(name, shape)| Field::new(name, shape.data_type(), true)).collect::<Fields>(),
            ),
        }
    }

    /// The paths of the columns in the file that hold this shape, with the shape of each.
    pub(super) fn leaves(&self, path: Vec<String>, visit: &mut impl FnMut(Vec<String>, &Shape)) {
        match self {
            Shape::List(item) => {
                let inner = path.into_iter().chain(["list".to_owned(), "item".to_owned()]).collect();
                item.leaves(inner, visit);
            }
            Shape::Struct(members) => {
                for (name, shape) in members {
                    let inner = path.iter().cloned().chain([name.clone()]).collect();
                    shape.leaves(inner, visit);
                }
            }
            _ => visit(path, self),
        }
    }

    /// Appends a value of this shape, or null.
    pub(super) fn append(
        &self,
        builder: &mut dyn ArrayBuilder,
        value: Option<RawValue<'_>>,
    ) -> Result<(), SegmentError> {
        let value = value.filter(|value| value.kind() != Kind::Null);
        match self {
            Shape::Bool => typed::<BooleanBuilder>(builder)?.append_option(value.map(|value| value.raw == "true")),
            Shape::Int => typed::<Int64Builder>(builder)?.append_option(value.and_then(|value| value.as_i64())),
            Shape::Float => typed::<Float64Builder>(builder)?.append_option(value.and_then(|value| value.as_f64())),
            Shape::Null | Shape::Text => {
                typed::<StringBuilder>(builder)?.append_option(value.and_then(|value| value.as_text()));
            }
            Shape::List(item) => {
                let list = typed::<ListBuilder<Box<dyn ArrayBuilder>>>(builder)?;
                for element in value.map(items).transpose()?.unwrap_or_default() {
                    item.append(list.values().as_mut(), Some(element))?;
                }
                list.append(value.is_some());
            }
            Shape::Struct(shapes) => append_struct(shapes, typed::<StructBuilder>(builder)?, value)?,
        }
        Ok(())
    }
}

fn append_struct(
    shapes: &[(String, Shape)],
    builder: &mut StructBuilder,
    value: Option<RawValue<'_>>,
) -> Result<(), SegmentError> {
    let members = value.map(members).transpose()?.unwrap_or_default();
    for (at, ((name, shape), child)) in shapes.iter().zip(builder.field_builders_mut()).enumerate() {
        // Mostly in the same order as in the first object.
        let member = match members.get(at) {
            Some((known, member)) if known == name => Some(*member),
            _ => members.iter().find(|(known, _)| known == name).map(|(_, member)| *member),
        };
        shape.append(child.as_mut(), member)?;
    }
    builder.append(value.is_some());
    Ok(())
}

fn typed<T: ArrayBuilder>(builder: &mut dyn ArrayBuilder) -> Result<&mut T, SegmentError> {
    builder.as_any_mut().downcast_mut::<T>().ok_or(SegmentError::Damaged("a column has another type than its shape"))
}

fn items(value: RawValue<'_>) -> Result<Vec<RawValue<'_>>, SegmentError> {
    let mut scanner = Scanner::new(value.raw);
    let mut items = Vec::new();
    scanner.expect(b'[')?;
    while scanner.next_element(items.is_empty())? {
        items.push(scanner.value()?);
    }
    Ok(items)
}

fn members(value: RawValue<'_>) -> Result<Vec<(String, RawValue<'_>)>, SegmentError> {
    let mut scanner = Scanner::new(value.raw);
    let mut members = Vec::new();
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(members.is_empty())? {
        let value = scanner.value()?;
        members.push((key.text().into_owned(), value));
    }
    Ok(members)
}

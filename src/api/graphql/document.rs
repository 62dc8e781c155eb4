//! Reading a GraphQL document and counting its parts before anything else looks at it. The library's own checks walk a
//! fragment as often as it is spread, so that a kilobyte of fragments that spread one another would keep a thread busy
//! for ever. Here each fragment is walked once.

use async_graphql::parser::types::{Directive, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::parser::{Error, parse_query};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::Value;
use std::collections::HashMap;

/// Longer texts are not written by any client, and reading them costs more than their fields.
const BYTES_MAX: usize = 256 * 1024;
/// Fields, arguments, values and so on with all fragments spread. The largest document of a client has some 1,000.
const PARTS_MAX: usize = 10_000;
/// Fragments that spread one another; the library allows 32 levels of everything together.
const DEPTH_MAX: usize = 32;

/// The document, or a sentence that says why not.
pub(super) fn read(text: &str) -> Result<ExecutableDocument, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("the GraphQL document is longer than {} KiB", BYTES_MAX >> 10));
    }
    let document = parse_query(text).map_err(|error| told(&error))?;
    let mut parts = Parts { document: &document, of_fragments: HashMap::new() };
    let mut count = 0_usize;
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        for variable in &operation.variable_definitions {
            count += 1 + of_directives(&variable.node.directives);
            count += variable.node.default_value.as_ref().map_or(0, |value| of_value(&value.node.clone().into_value()));
        }
        count += 1 + of_directives(&operation.directives);
        count = count.saturating_add(parts.of_selection(&operation.selection_set.node, 0)?);
    }
    for fragment in document.fragments.values() {
        count = count.saturating_add(parts.of_fragment(&fragment.node, 0)?);
    }
    if count > PARTS_MAX {
        return Err(format!("the GraphQL document has more than {PARTS_MAX} fields, arguments and values"));
    }
    Ok(document)
}

/// The variables of a request, with the defaults that the operation declares for those left out: the library forgets them
/// where `@include` and `@skip` are decided, and 0.31.0 asks for aliases by such a default.
pub(super) fn with_defaults(
    document: &ExecutableDocument,
    operation_name: Option<&str>,
    mut variables: Variables,
) -> Variables {
    let mut operations = document.operations.iter();
    let operation = match operation_name {
        Some(wanted) => operations.find(|(name, _)| name.is_some_and(|name| name == wanted)),
        None => operations.next(),
    };
    let Some((_, operation)) = operation else { return variables };
    for definition in &operation.node.variable_definitions {
        let (name, default) = (&definition.node.name.node, &definition.node.default_value);
        if let Some(default) = default
            && !variables.contains_key(name)
        {
            variables.insert(name.clone(), default.node.clone());
        }
    }
    variables
}

/// Without the text around the mistake, which the library would repeat however long it is.
fn told(error: &Error) -> String {
    match error {
        Error::Syntax { message, start, .. } => {
            let expected =
                message.rsplit_once("= ").map_or("something else is expected", |(_, words)| words.trim_end());
            let (line, column) = (start.line, start.column);
            format!("the GraphQL document cannot be read at line {line}, column {column}: {expected}")
        }
        other => format!("the GraphQL document cannot be read: {other}"),
    }
}

/// Counts parts with fragments spread.
struct Parts<'d> {
    document: &'d ExecutableDocument,
    /// By where the fragment is; `None` while it is being counted.
    of_fragments: HashMap<*const FragmentDefinition, Option<usize>>,
}

impl<'d> Parts<'d> {
    fn of_selection(&mut self, selection: &'d SelectionSet, depth: usize) -> Result<usize, String> {
        let mut count = 0_usize;
        for item in &selection.items {
            let (own, inside) = match &item.node {
                Selection::Field(field) => {
                    (of_field(&field.node), self.of_selection(&field.node.selection_set.node, depth)?)
                }
                Selection::InlineFragment(inline) => {
                    (of_directives(&inline.node.directives), self.of_selection(&inline.node.selection_set.node, depth)?)
                }
                Selection::FragmentSpread(spread) => {
                    (of_directives(&spread.node.directives), self.of_spread(&spread.node.fragment_name.node, depth)?)
                }
            };
            count = count.saturating_add(1).saturating_add(own).saturating_add(inside);
        }
        Ok(count)
    }

    /// A fragment that does not exist has no parts; the library says so later.
    fn of_spread(&mut self, name: &Name, depth: usize) -> Result<usize, String> {
        let document = self.document;
        document.fragments.get(name).map_or(Ok(0), |fragment| self.of_fragment(&fragment.node, depth + 1))
    }

    fn of_fragment(&mut self, fragment: &'d FragmentDefinition, depth: usize) -> Result<usize, String> {
        match self.of_fragments.get(&std::ptr::from_ref(fragment)) {
            Some(Some(count)) => return Ok(*count),
            Some(None) => return Err("fragments of the GraphQL document spread themselves".into()),
            None if depth > DEPTH_MAX => return Err("the GraphQL document is nested too deeply".into()),
            None => {}
        }
        self.of_fragments.insert(fragment, None);
        let inside = self.of_selection(&fragment.selection_set.node, depth)?;
        let count = inside.saturating_add(1 + of_directives(&fragment.directives));
        self.of_fragments.insert(fragment, Some(count));
        Ok(count)
    }
}

fn of_field(field: &Field) -> usize {
    of_directives(&field.directives) + of_arguments(&field.arguments)
}

fn of_directives(directives: &[Positioned<Directive>]) -> usize {
    directives.iter().map(|directive| 1 + of_arguments(&directive.node.arguments)).sum()
}

fn of_arguments(arguments: &[(Positioned<Name>, Positioned<Value>)]) -> usize {
    arguments.iter().map(|(_, value)| 1 + of_value(&value.node)).sum()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(of_value).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(of_value).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn fragments_that_double_one_another_are_refused_at_once() {
        let spread = |level: usize| format!("fragment F{level} on User {{ ...F{} ...F{} }} ", level + 1, level + 1);
        let fragments = |levels: usize| {
            let all: String = (0..levels).map(spread).collect();
            format!("{{ viewer {{ ...F0 }} }} {all} fragment F{levels} on User {{ id }}")
        };

        assert!(read(&fragments(8)).is_ok());
        assert!(refusal(&fragments(31)).contains("more than"));
        assert!(refusal(&fragments(5000)).contains("nested too deeply"));
    }

    #[test]
    fn fragments_that_spread_themselves_are_refused() {
        for text in [
            "{ viewer { ...A } } fragment A on User { ...A }",
            "{ viewer { id } } fragment A on User { ...B } fragment B on User { teams { ...A } }",
        ] {
            assert!(refusal(text).contains("spread themselves"), "{text}");
        }
    }

    #[test]
    fn a_document_with_too_many_parts_of_any_kind_is_refused() {
        let many = |part: &str| part.repeat(PARTS_MAX);
        for text in [
            format!("{{ {} }}", many("a ")),
            format!("{{ a(b: [{}]) }}", many("1 ")),
            format!("{{ a {} }}", many("@b ")),
            format!("query Q({}) {{ a }}", many("$a: Int ")),
            format!("{{ a }} fragment A on User {{ {} }}", many("a ")),
            format!("{{ {} }} fragment A on User {{ a(b: [{}]) }}", "...A ".repeat(200), "1 ".repeat(200)),
        ] {
            assert!(refusal(&text).contains("more than"), "{}", &text[..40]);
        }
    }

    #[test]
    fn a_variable_that_is_left_out_has_its_default_and_one_that_is_given_does_not() {
        let document = read("query A($a: Int = 1, $b: Int = 2, $c: Int) { x } query B($d: Int = 3) { x }").unwrap();
        let given = Variables::from_json(serde_json::json!({ "b": null }));

        let filled = serde_json::to_value(with_defaults(&document, Some("A"), given)).unwrap();

        assert_eq!(filled, serde_json::json!({ "a": 1, "b": null }));
    }

    #[test]
    fn a_mistake_is_told_by_its_place_without_the_text() {
        let told = refusal(&format!("{{ viewer {{ canary{}(a: ) }} }}", " ".repeat(500)));

        assert!(told.contains("line 1, column"), "{told}");
        assert!(!told.contains("canary") && told.len() < 300, "{told}");
        assert!(refusal(&"x".repeat(BYTES_MAX + 1)).contains("longer than 256 KiB"));
    }
}

//! Holds the sources against the rules of their layout: the one-way rule between modules, and the shape of a file.
//! Test code obeys the same rules as the rest.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of the crate besides itself. A module that is not listed may not exist.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("access", &["domain"]),
    ("db", &["domain", "access"]),
    ("secrets", &["domain", "access", "db"]),
    ("storage", &["domain", "access", "db", "secrets", "fetch"]),
    ("history", &["domain", "access", "db", "storage"]),
    ("fetch", &["domain"]),
    ("mail", &["domain"]),
    ("app", &["domain", "access", "db", "secrets", "storage", "history", "fetch", "mail"]),
    ("jobs", &["domain", "access", "db", "secrets", "storage", "history", "app"]),
    ("api", &["domain", "access", "secrets", "app"]),
    (
        "server",
        &[
            "domain",
            "access",
            "db",
            "secrets",
            "storage",
            "history",
            "mail",
            "app",
            "jobs",
            "api",
            "config",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "access",
            "db",
            "secrets",
            "storage",
            "history",
            "mail",
            "app",
            "jobs",
            "api",
            "server",
            "config",
            "telemetry",
        ],
    ),
    ("config", &["domain"]),
    ("telemetry", &["domain"]),
];

/// A longer file says why in its header, in a sentence with `LONG_FILE_REASON`.
const LONGEST_FILE: usize = 700;
const LONG_FILE_REASON: &str = "Long because";

/// The faults of one source file; `path` is relative to `src` and has `/` between its parts.
fn faults(path: &str, source: &str) -> Vec<String> {
    let mut faults = shape_faults(source);
    faults.extend(arrow_faults(path, source));
    faults.into_iter().map(|fault| format!("src/{path}: {fault}")).collect()
}

fn shape_faults(source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !source.starts_with("//!") {
        faults.push("the first line is not `//!` and what the file is for".to_owned());
    }
    let lines = source.lines().count();
    let explained = source.lines().take_while(|line| line.starts_with("//!")).any(|l| l.contains(LONG_FILE_REASON));
    if lines > LONGEST_FILE && !explained {
        faults.push(format!("{lines} lines, and no `{LONG_FILE_REASON} …` in its header"));
    }
    faults
}

fn arrow_faults(path: &str, source: &str) -> Vec<String> {
    let from = path.split('/').next().unwrap().trim_end_matches(".rs");
    if matches!(from, "lib" | "main") {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == from) else {
        return vec![format!("`{from}` has no row in the table of layers")];
    };
    let is_forbidden = |to: &String| to != from && !allowed.contains(&to.as_str());
    let targets = used_modules(&code_only(source), module_depth(path));
    targets.into_iter().filter(is_forbidden).map(|to| format!("`{from}` may not use `{to}`")).collect()
}

/// How many `super` lead from the file's module to the crate root.
fn module_depth(path: &str) -> usize {
    path.split('/').filter(|part| *part != "mod.rs").count()
}

/// The top-level modules which the code names, by `crate::` or by enough `super::`.
fn used_modules(code: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !ends_in_word(&code[..at]) {
            found.extend(first_names(&code[at + "crate::".len()..]));
        }
    }
    // In an inline module one `super` more is needed; a name that is no layer is then a sibling, not a fault.
    let to_root = "super::".repeat(depth);
    for (at, _) in code.match_indices(&to_root) {
        let names = first_names(&code[at + to_root.len()..]);
        found.extend(names.into_iter().filter(|name| MAY_USE.iter().any(|(module, _)| module == name)));
    }
    found.sort();
    found.dedup();
    found
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first name of each path: `a::b` gives a, `{a::{b, c}, d}` gives a and d.
fn first_names(paths: &str) -> Vec<String> {
    let Some(group) = paths.strip_prefix('{') else {
        return vec![leading_name(paths)];
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(leading_name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn leading_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| is_word(*c) || *c == '*').collect()
}

/// The source without comments and without what stands in quotes.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = skipped_prefix(rest, ends_in_word(&code));
        if skipped > 0 {
            code.push(' ');
            rest = &rest[skipped..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// The length of the comment or literal at the start of the text; 0 if it starts with code.
fn skipped_prefix(text: &str, after_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if text.starts_with('\'') {
        // 'x' and '\n' are literals, 'a without a closing quote is a lifetime.
        let is_literal = text.starts_with("'\\") || text.chars().nth(2) == Some('\'');
        return if is_literal { quoted(text, '\'') } else { 0 };
    }
    if !after_word {
        let hashed = text.trim_start_matches(['b', 'c']);
        if let Some(tail) = hashed.strip_prefix('r') {
            let quote = tail.trim_start_matches('#');
            let end = format!("\"{}", "#".repeat(tail.len() - quote.len()));
            if let Some(body) = quote.strip_prefix('"') {
                let length = body.find(&end).map_or(body.len(), |at| at + end.len());
                return text.len() - body.len() + length;
            }
        }
    }
    0
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn the_sources_keep_the_rules_of_their_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 20, "only {} files found", files.len());
    let mut found = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        found.extend(faults(&path, &fs::read_to_string(file).unwrap()));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_arrow_against_the_rule_is_found_in_every_spelling() {
    for (path, code) in [
        ("storage/upload.rs", "use crate::app::run;"),
        ("storage/upload.rs", "use crate::{domain::id, app::{run, file}};"),
        ("storage/upload.rs", "use crate::{\n    domain::{id, clock},\n    app,\n};"),
        ("storage/upload.rs", "fn f() { let _ = crate::app::run(); }"),
        ("storage/upload.rs", "#[cfg(test)] mod tests { use crate::app::run; }"),
        ("storage/upload.rs", "use super::super::app::run;"),
        ("storage/mod.rs", "use super::app::run;"),
        ("storage.rs", "pub use crate::app;"),
        ("storage/upload.rs", "const Q: char = '\"'; use crate::app::run; const R: &str = \"\";"),
    ] {
        let found = arrow_faults(path, code);
        assert_eq!(found, ["`storage` may not use `app`"], "{path}: {code}");
    }
}

#[test]
fn each_exception_of_the_rule_is_an_exception_one_way() {
    for (from, to, allowed) in [
        ("storage", "secrets", true),
        ("secrets", "storage", false),
        ("history", "storage", true),
        ("storage", "history", false),
        ("jobs", "app", true),
        ("jobs", "api", false),
        ("api", "jobs", false),
        ("api", "app", true),
        ("api", "db", false),
        ("api", "history", false),
        ("api", "storage", false),
        ("server", "api", true),
        ("api", "server", false),
        ("server", "config", true),
        ("app", "config", false),
        ("app", "telemetry", false),
        ("config", "domain", true),
        ("config", "telemetry", false),
        ("domain", "access", false),
    ] {
        let found = arrow_faults(&format!("{from}/x.rs"), &format!("use crate::{to}::x;"));
        assert_eq!(found.is_empty(), allowed, "{from} -> {to}");
    }
}

#[test]
fn words_in_comments_and_literals_are_no_arrows() {
    for code in [
        "// use crate::app;\n",
        "/* a /* b */ use crate::app; */",
        "const A: &str = \"crate::app \\\" crate::app\";",
        "const A: &str = r#\"crate::app \" crate::app\"#;",
        "use other_crate::app;",
        "use crate::storage::layout; use super::layout;",
    ] {
        assert_eq!(arrow_faults("storage/upload.rs", code), [""; 0], "{code}");
    }
}

#[test]
fn a_module_without_a_layer_is_a_fault() {
    assert_eq!(arrow_faults("helpers/mod.rs", ""), ["`helpers` has no row in the table of layers"]);
    assert_eq!(arrow_faults("app/run.rs", "use crate::helpers;"), ["`app` may not use `helpers`"]);
}

#[test]
fn a_file_without_header_or_too_long_without_reason_is_a_fault() {
    let long = "fn f() {}\n".repeat(LONGEST_FILE);
    assert_eq!(shape_faults("use std::fs;\n").len(), 1);
    assert_eq!(shape_faults(&format!("//! What.\n{long}")).len(), 1);
    assert_eq!(shape_faults(&format!("//! What.\n//! Long because of x.\n{long}")).len(), 0);
    assert_eq!(shape_faults("//! What.\nfn f() {}\n").len(), 0);
}

//! Holds the code's permission table against `permissions.tsv`, the product's truth, cell by cell.

use std::collections::BTreeSet;
use weighhouse::access::{Action, Caller, Cell, Column, Feature, Grants, KeyScope, Licence};
use weighhouse::access::{OrganizationRole, TeamRole, decide};
use weighhouse::domain::id::UserId;

pub struct Row {
    /// As the file writes them.
    words: Vec<&'static str>,
    area: &'static str,
    pub name: &'static str,
    cells: [Cell; 6],
    needs: Option<&'static str>,
}

pub fn rows() -> Vec<Row> {
    let lines = include_str!("../permissions.tsv").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

fn row(line: &'static str) -> Row {
    let fields: Vec<_> = line.split('\t').collect();
    let [area, name, cells @ .., needs] = &fields[..] else { panic!("too few columns: {line}") };
    let words = cells.to_vec();
    let cells: Vec<_> = cells.iter().map(|text| parse(text)).collect();
    Row {
        words,
        area,
        name,
        cells: cells.try_into().unwrap_or_else(|_| panic!("six roles expected: {line}")),
        needs: (!needs.is_empty()).then_some(*needs),
    }
}

/// The columns of the file, in its order.
const COLUMNS: [&str; 6] = ["view_only", "member", "registry_admin", "team_admin", "org_admin", "system_admin"];

/// What the file says about an action and a role.
pub fn cell(action: &str, column: &str) -> &'static str {
    let row = rows().into_iter().find(|row| row.name == action).unwrap_or_else(|| panic!("no row {action}"));
    row.words[COLUMNS.iter().position(|name| *name == column).unwrap()]
}

fn parse(text: &str) -> Cell {
    match text {
        "yes" => Cell::Yes,
        "own" => Cell::Own,
        "no" => Cell::No,
        "-" => Cell::None,
        other => panic!("no such cell: {other}"),
    }
}

#[test]
fn every_row_of_the_file_is_a_row_of_the_code() {
    for row in rows() {
        let action = Action::named(row.name).unwrap_or_else(|| panic!("{} is missing in the code", row.name));
        let rule = action.rule();
        assert_eq!(rule.area.name(), row.area, "area of {action}");
        assert_eq!(rule.needs.map(Feature::name), row.needs, "feature of {action}");
        for (column, cell) in Column::ALL.into_iter().zip(row.cells) {
            assert_eq!(rule.cell(column), cell, "{action} for {column:?}");
        }
    }
}

#[test]
fn every_row_of_the_code_is_a_row_of_the_file() {
    let in_file: Vec<_> = rows().iter().map(|row| row.name).collect();
    let in_code: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
    assert_eq!(in_code, in_file);
    assert_eq!(in_code.iter().collect::<BTreeSet<_>>().len(), in_code.len(), "a name is used twice");
}

#[test]
fn the_columns_of_the_file_are_in_the_order_of_the_code() {
    let header = include_str!("../permissions.tsv").lines().rfind(|line| line.starts_with('#')).unwrap();
    let expected = "# area\taction\tview_only\tmember\tregistry_admin\tteam_admin\torg_admin\tsystem_admin\tfeature";
    assert_eq!(header, expected);
}

/// Somebody who holds this column and no other.
fn holder(column: Column, owns: bool) -> (Caller, Grants) {
    let role = match column {
        Column::ViewOnly => Some(TeamRole::ViewOnly),
        Column::Member | Column::RegistryAdmin => Some(TeamRole::Member),
        Column::TeamAdmin => Some(TeamRole::Admin),
        Column::OrgAdmin | Column::SystemAdmin => None,
    };
    let grants = Grants {
        team: role,
        organization: (column == Column::OrgAdmin).then_some(OrganizationRole::Admin),
        registry_admin: column == Column::RegistryAdmin,
        owns,
        ..Grants::default()
    };
    (Caller::user(UserId(3), column == Column::SystemAdmin, KeyScope::Full), grants)
}

#[test]
fn every_cell_of_the_file_is_what_its_role_is_answered() {
    for row in rows() {
        let action = Action::named(row.name).unwrap();
        let licence = Licence::of(action.rule().needs);
        for (column, cell) in Column::ALL.into_iter().zip(row.cells) {
            for owns in [false, true] {
                let (caller, grants) = holder(column, owns);
                let expected = cell == Cell::Yes || (cell == Cell::Own && owns);
                let answer = decide(&caller, action, &grants, &licence);
                assert_eq!(answer.is_ok(), expected, "{action} for {column:?}, owner: {owns}: {answer:?}");
            }
        }
    }
}

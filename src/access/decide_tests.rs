//! The rules by which roles come together, one claim per test.

use super::*;
use crate::access::caller::PresentedKey;
use crate::domain::api_key::KeyScope;
use crate::domain::id::{ApiKeyId, EntityId, UserId};
use crate::domain::user::ServiceHome;

const USER: Caller = Caller::user(UserId(7), false, KeyScope::Full);
const SYSTEM_ADMIN: Caller = Caller::user(UserId(1), true, KeyScope::Full);

fn ask(caller: Caller, action: Action, grants: Grants) -> Result<(), Refusal> {
    decide(&caller, action, &grants, &Licence::none())
}

fn may(action: Action, grants: Grants) -> bool {
    ask(USER, action, grants).is_ok()
}

fn forbidden(action: Action, reason: Reason) -> Result<(), Refusal> {
    Err(Refusal::Forbidden { action, reason })
}

/// A person of the team, looking at a project of it.
fn in_team(role: TeamRole, visibility: Visibility) -> Grants {
    Grants { team: Some(role), ..outside(visibility) }
}

fn outside(visibility: Visibility) -> Grants {
    Grants { visibility: Some(visibility), ..Grants::default() }
}

fn invited(grants: Grants, role: TeamRole) -> Grants {
    Grants { project: Some(role), ..grants }
}

#[test]
fn a_view_only_person_is_not_raised_by_a_project_role() {
    let grants = invited(in_team(TeamRole::ViewOnly, Visibility::Team), TeamRole::Admin);
    assert!(may(Action::RunRead, grants));
    assert_eq!(ask(USER, Action::RunLog, grants), forbidden(Action::RunLog, Reason::Role));
}

#[test]
fn a_view_only_person_stays_view_only_in_open_and_public_projects_of_the_team() {
    for visibility in [Visibility::Open, Visibility::Public] {
        let grants = in_team(TeamRole::ViewOnly, visibility);
        assert!(may(Action::ArtifactRead, grants));
        assert!(!may(Action::ArtifactDownload, grants));
        assert!(!may(Action::RunLog, grants));
    }
}

#[test]
fn a_project_role_replaces_the_team_role_in_both_directions() {
    let team = in_team(TeamRole::Member, Visibility::Team);
    assert!(may(Action::ProjectDelete, invited(team, TeamRole::Admin)));
    assert!(!may(Action::RunLog, invited(team, TeamRole::ViewOnly)));
    assert!(!may(Action::TeamMemberAdd, invited(team, TeamRole::Admin)), "it counts in the project only");
}

/// A person of the team under a custom role that adds these actions.
fn under(role: TeamRole, actions: &[Action], visibility: Visibility) -> Grants {
    Grants { added: actions.iter().copied().collect(), ..in_team(role, visibility) }
}

#[test]
fn a_custom_role_adds_its_actions_to_its_base_and_nothing_else() {
    let stopper = under(TeamRole::Member, &[Action::RunStop, Action::ModelUnlink], Visibility::Team);
    assert!(may(Action::RunStop, stopper), "on everybody's runs");
    assert!(may(Action::RunLog, stopper));
    assert_eq!(ask(USER, Action::RunDelete, stopper), forbidden(Action::RunDelete, Reason::NotOwner));
    let reader = under(TeamRole::ViewOnly, &[Action::ArtifactDownload], Visibility::Team);
    assert!(may(Action::ArtifactDownload, reader));
    assert_eq!(ask(USER, Action::RunLog, reader), forbidden(Action::RunLog, Reason::Role));
    let registrar = under(TeamRole::ViewOnly, &[Action::ModelAdd], Visibility::Team);
    assert!(may(Action::ModelAdd, Grants { visibility: None, ..registrar }));
}

#[test]
fn every_action_that_can_be_added_is_granted_by_being_added() {
    for &action in Action::ALL.iter().filter(|action| action.can_be_added()) {
        for role in [TeamRole::ViewOnly, TeamRole::Member] {
            assert!(may(action, under(role, &[action], Visibility::Team)), "{action} on {role:?}");
        }
    }
}

#[test]
fn a_custom_role_counts_in_open_and_public_projects_of_the_team_and_not_in_those_of_others() {
    for visibility in [Visibility::Open, Visibility::Public] {
        let own = under(TeamRole::ViewOnly, &[Action::RunLog], visibility);
        assert!(may(Action::RunLog, own));
        let others = Grants { team: None, ..own };
        assert_eq!(may(Action::RunLog, others), visibility == Visibility::Open);
        assert!(!may(Action::ArtifactDelete, Grants { added: own.added, ..outside(visibility) }));
    }
}

#[test]
fn a_project_role_replaces_a_custom_role_too() {
    let stopper = under(TeamRole::Member, &[Action::RunStop], Visibility::Team);
    assert!(!may(Action::RunStop, invited(stopper, TeamRole::Member)));
    assert!(!may(Action::RunStop, invited(stopper, TeamRole::ViewOnly)));
    let logger = under(TeamRole::ViewOnly, &[Action::RunLog], Visibility::Team);
    assert!(!may(Action::RunLog, invited(logger, TeamRole::ViewOnly)));
    assert!(!may(Action::RunLog, invited(logger, TeamRole::Admin)), "view-only is not raised");
}

#[test]
fn a_custom_role_opens_no_restricted_project() {
    let reader =
        under(TeamRole::Member, &[Action::ProjectRead, Action::RunRead, Action::RunStop], Visibility::Restricted);
    for action in [Action::ProjectRead, Action::RunRead, Action::RunStop] {
        assert_eq!(ask(USER, action, reader), Err(Refusal::Hidden), "{action}");
    }
    assert!(may(Action::RunRead, invited(reader, TeamRole::Member)));
    assert!(!may(Action::RunStop, invited(reader, TeamRole::Member)));
}

#[test]
fn an_organization_viewer_gets_nothing_from_a_custom_role() {
    let organization = Some(OrganizationRole::Viewer);
    for role in [TeamRole::ViewOnly, TeamRole::Member] {
        let viewer = Grants { organization, ..under(role, &[Action::RunLog, Action::ModelAdd], Visibility::Team) };
        assert!(!may(Action::RunLog, viewer) && !may(Action::ModelAdd, viewer));
        assert!(may(Action::RunRead, viewer));
    }
}

#[test]
fn a_keys_scope_takes_away_from_a_custom_role_as_from_any_other() {
    let stopper = under(TeamRole::Member, &[Action::RunStop], Visibility::Team);
    let reader = Caller { scope: KeyScope::Read, ..USER };
    assert_eq!(ask(reader, Action::RunStop, stopper), forbidden(Action::RunStop, Reason::KeyScope));
}

#[test]
fn members_invite_where_the_team_lets_them_and_do_no_more_with_people() {
    let switch = |role| Grants { team: Some(role), members_invite: true, ..Grants::default() };
    let member = switch(TeamRole::Member);
    assert!(may(Action::TeamMemberAdd, member));
    let feature = Feature::ViewOnly;
    assert_eq!(ask(USER, Action::RoleAssignViewOnly, member), Err(Refusal::NotLicensed { feature }));
    for action in [Action::TeamRoleChange, Action::TeamMemberRemove, Action::RoleAssignCustom] {
        assert_eq!(ask(USER, action, member), forbidden(action, Reason::Role));
    }
    assert!(!may(Action::TeamMemberAdd, switch(TeamRole::ViewOnly)));
    let viewer = Grants { organization: Some(OrganizationRole::Viewer), ..member };
    assert!(!may(Action::TeamMemberAdd, viewer));
    let outsider = Grants { team: None, ..member };
    assert_eq!(ask(USER, Action::TeamMemberAdd, outsider), Err(Refusal::Hidden));
}

#[test]
fn a_team_that_is_not_hidden_is_refused_instead_of_denied_to_who_is_signed_in() {
    let listed = Grants { listed: true, ..Grants::default() };
    assert_eq!(ask(USER, Action::TeamRead, listed), forbidden(Action::TeamRead, Reason::Role));
    assert_eq!(ask(Caller::ANONYMOUS, Action::TeamRead, listed), Err(Refusal::Hidden));
    let project = Grants { listed: true, ..outside(Visibility::Team) };
    assert_eq!(ask(USER, Action::ProjectRead, project), Err(Refusal::Hidden), "its projects stay hidden");
}

#[test]
fn a_team_does_not_show_itself_by_refusing_to_be_deleted_or_restored() {
    let colleague = Grants { organization: Some(OrganizationRole::Member), ..Grants::default() };
    for action in [Action::TeamDelete, Action::TeamRestore] {
        assert_eq!(ask(USER, action, colleague), Err(Refusal::Hidden));
        let listed = Grants { listed: true, ..colleague };
        assert_eq!(ask(USER, action, listed), forbidden(action, Reason::Role));
    }
}

#[test]
fn the_owner_of_a_project_its_admins_and_the_organizations_change_its_visibility() {
    let member = in_team(TeamRole::Member, Visibility::Team);
    let action = Action::ProjectVisibility;
    assert_eq!(ask(USER, action, member), forbidden(action, Reason::NotOwner));
    assert!(may(action, Grants { owns: true, ..member }));
    assert!(may(action, invited(member, TeamRole::Admin)));
    assert!(may(action, in_team(TeamRole::Admin, Visibility::Restricted)));
    let above = Grants { organization: Some(OrganizationRole::Admin), ..outside(Visibility::Restricted) };
    assert!(may(action, above));
    assert_eq!(ask(USER, Action::ProjectMembers, above), Err(Refusal::Hidden));
    assert_eq!(ask(SYSTEM_ADMIN, action, outside(Visibility::Team)), Err(Refusal::Hidden));
}

#[test]
fn an_owner_without_a_place_in_a_restricted_project_does_not_see_it() {
    let owner = Grants { owns: true, ..in_team(TeamRole::Member, Visibility::Restricted) };
    assert_eq!(ask(USER, Action::ProjectVisibility, owner), Err(Refusal::Hidden));
    assert!(may(Action::ProjectVisibility, invited(owner, TeamRole::Member)));
}

#[test]
fn a_team_admin_stays_admin_whatever_the_project_says() {
    let grants = invited(in_team(TeamRole::Admin, Visibility::Restricted), TeamRole::ViewOnly);
    assert!(may(Action::ProjectDelete, grants));
}

#[test]
fn a_restricted_project_is_hidden_from_members_who_are_not_invited() {
    for role in [TeamRole::ViewOnly, TeamRole::Member] {
        let grants = in_team(role, Visibility::Restricted);
        assert_eq!(ask(USER, Action::RunRead, grants), Err(Refusal::Hidden));
        assert_eq!(ask(USER, Action::RunLog, grants), Err(Refusal::Hidden));
        assert!(may(Action::RunRead, invited(grants, TeamRole::Member)));
    }
    let view_only = in_team(TeamRole::ViewOnly, Visibility::Restricted);
    assert!(!may(Action::RunLog, invited(view_only, TeamRole::Member)));
}

#[test]
fn a_team_project_is_hidden_from_everybody_else() {
    for caller in [USER, SYSTEM_ADMIN, Caller::ANONYMOUS] {
        assert_eq!(ask(caller, Action::RunDelete, outside(Visibility::Team)), Err(Refusal::Hidden));
    }
}

#[test]
fn a_public_project_is_read_and_downloaded_by_every_user_and_written_by_none() {
    let grants = outside(Visibility::Public);
    for action in [Action::ProjectRead, Action::RunRead, Action::ReportRead, Action::ArtifactDownload] {
        assert!(may(action, grants), "{action}");
    }
    assert_eq!(ask(USER, Action::RunLog, grants), forbidden(Action::RunLog, Reason::Role));
    assert!(!may(Action::ModelRead, grants), "the team's registry is not the project's");
}

#[test]
fn visitors_read_public_projects_only_where_the_instance_allows() {
    let shown = Grants { anonymous_reading: true, ..outside(Visibility::Public) };
    assert_eq!(ask(Caller::ANONYMOUS, Action::RunRead, shown), Ok(()));
    assert_eq!(ask(Caller::ANONYMOUS, Action::RunLog, shown), forbidden(Action::RunLog, Reason::NotSignedIn));
    assert_eq!(ask(Caller::ANONYMOUS, Action::RunRead, outside(Visibility::Public)), Err(Refusal::Hidden));
    let open = Grants { anonymous_reading: true, ..outside(Visibility::Open) };
    assert_eq!(ask(Caller::ANONYMOUS, Action::RunRead, open), Err(Refusal::Hidden));
}

#[test]
fn every_user_logs_to_an_open_project_and_changes_only_their_own_there() {
    let theirs = outside(Visibility::Open);
    let own = Grants { owns: true, ..theirs };
    for action in [Action::RunLog, Action::ReportCreate, Action::ArtifactCreate, Action::WorkspaceUpdate] {
        assert!(may(action, theirs), "{action}");
    }
    for action in [Action::RunUpdate, Action::RunDelete, Action::ReportUpdate] {
        assert_eq!(ask(USER, action, theirs), forbidden(action, Reason::NotOwner));
        assert!(may(action, own), "{action}");
    }
    for action in [Action::ArtifactDelete, Action::ProjectUpdate, Action::ProjectMembers] {
        assert_eq!(ask(USER, action, own), forbidden(action, Reason::Role));
    }
}

#[test]
fn a_member_changes_the_runs_of_others_and_deletes_only_own_ones() {
    let theirs = in_team(TeamRole::Member, Visibility::Team);
    assert!(may(Action::RunUpdate, theirs));
    assert_eq!(ask(USER, Action::RunDelete, theirs), forbidden(Action::RunDelete, Reason::NotOwner));
    assert!(may(Action::RunDelete, Grants { owns: true, ..theirs }));
}

#[test]
fn owning_gives_nothing_to_somebody_who_left_the_team() {
    let left = Grants { owns: true, ..outside(Visibility::Team) };
    assert_eq!(ask(USER, Action::RunDelete, left), Err(Refusal::Hidden));
}

#[test]
fn an_organization_viewer_is_view_only_at_most() {
    for role in [Some(TeamRole::Admin), Some(TeamRole::Member), None] {
        let viewer = Grants { team: role, organization: Some(OrganizationRole::Viewer), ..outside(Visibility::Open) };
        assert!(may(Action::RunRead, viewer));
        assert!(!may(Action::RunLog, viewer));
        assert!(!may(Action::ArtifactDownload, viewer));
        assert!(!may(Action::TeamMemberAdd, viewer));
        assert!(!may(Action::RunLog, invited(viewer, TeamRole::Admin)));
    }
}

#[test]
fn the_personal_entitys_owner_is_its_admin_without_team_and_service_account_rows() {
    let mine = Grants { personal: true, ..outside(Visibility::Team) };
    for action in [Action::ProjectDelete, Action::RunDelete, Action::SecretManage, Action::StorageUsage] {
        assert!(may(action, mine), "{action}");
    }
    for action in [Action::TeamMemberAdd, Action::TeamLeave, Action::ServiceAccountKey, Action::RoleAssignCustom] {
        assert_eq!(ask(USER, action, mine), forbidden(action, Reason::Role));
    }
}

#[test]
fn admins_from_above_have_only_their_own_columns() {
    let above = Grants { organization: Some(OrganizationRole::Admin), ..outside(Visibility::Team) };
    assert!(may(Action::ProjectVisibility, above));
    assert!(may(Action::TeamMemberAdd, above));
    assert_eq!(ask(USER, Action::RunRead, above), Err(Refusal::Hidden));
    assert_eq!(ask(USER, Action::WebhookManage, above), forbidden(Action::WebhookManage, Reason::Role));
    assert_eq!(ask(SYSTEM_ADMIN, Action::TeamDelete, Grants::default()), Ok(()));
    assert_eq!(ask(SYSTEM_ADMIN, Action::RunRead, Grants::default()), Err(Refusal::Hidden));
}

#[test]
fn only_registry_admins_change_protected_aliases() {
    let admin = Grants { team: Some(TeamRole::Admin), ..Grants::default() };
    assert!(!may(Action::ProtectedAliasChange, admin));
    for role in [TeamRole::Member, TeamRole::Admin] {
        let grants = Grants { team: Some(role), registry_admin: true, ..Grants::default() };
        assert!(may(Action::ProtectedAliasChange, grants));
    }
    let view_only = Grants { team: Some(TeamRole::ViewOnly), registry_admin: true, ..Grants::default() };
    assert!(!may(Action::ProtectedAliasChange, view_only));
}

#[test]
fn a_person_who_is_only_view_only_has_no_key_and_a_person_in_no_team_has() {
    let view_only = Grants { team: Some(TeamRole::ViewOnly), ..Grants::default() };
    assert!(!may(Action::ApiKeyOwn, view_only));
    assert!(!may(Action::ApiKeyOwn, Grants { personal: true, ..view_only }));
    assert!(may(Action::ApiKeyOwn, Grants::default()));
    assert!(may(Action::ApiKeyOwn, Grants { organization: Some(OrganizationRole::Admin), ..view_only }));
    assert_eq!(ask(SYSTEM_ADMIN, Action::ApiKeyOwn, view_only), Ok(()));
    assert_eq!(ask(Caller::ANONYMOUS, Action::ApiKeyOwn, Grants::default()), Err(Refusal::Hidden));
}

#[test]
fn a_keys_scope_only_takes_away() {
    let member = in_team(TeamRole::Member, Visibility::Team);
    let reader = Caller { scope: KeyScope::Read, ..USER };
    assert_eq!(ask(reader, Action::RunRead, member), Ok(()));
    assert_eq!(ask(reader, Action::RunLog, member), forbidden(Action::RunLog, Reason::KeyScope));
    let writer = Caller { scope: KeyScope::Write, ..USER };
    assert_eq!(ask(writer, Action::RunLog, member), Ok(()));
    for &action in Action::ALL {
        for caller in [reader, writer] {
            let full = ask(USER, action, member);
            assert!(full.is_ok() || ask(caller, action, member) == full, "{action} was changed by a scope");
        }
    }
}

#[test]
fn a_licence_is_asked_for_after_the_role() {
    let admin = Grants { team: Some(TeamRole::Admin), ..Grants::default() };
    let member = Grants { team: Some(TeamRole::Member), ..Grants::default() };
    let action = Action::ServiceAccountCreate;
    let feature = Feature::ServiceAccounts;
    assert_eq!(ask(USER, action, admin), Err(Refusal::NotLicensed { feature }));
    assert_eq!(ask(USER, action, member), forbidden(action, Reason::Role));
    assert_eq!(decide(&USER, action, &admin, &Licence::of([feature])), Ok(()));
    assert!(ask(USER, Action::ServiceAccountDelete, admin).is_ok(), "what exists goes on without a licence");
}

#[test]
fn the_operator_may_what_system_and_team_admins_may() {
    for &action in Action::ALL {
        let cells = [Column::TeamAdmin, Column::SystemAdmin].map(|column| action.rule().cell(column));
        let answer = decide(&Caller::OPERATOR, action, &Grants::default(), &every_feature());
        assert_eq!(answer.is_ok(), cells.contains(&Cell::Yes), "{action}");
    }
}

#[test]
fn jobs_may_everything() {
    assert!(Action::ALL.iter().all(|&action| ask(Caller::SYSTEM, action, Grants::default()).is_ok()));
}

/// A key of that person for some teams or projects.
fn confined(caller: Caller) -> Caller {
    Caller { key: Some(PresentedKey { id: ApiKeyId(3), is_confined: true }), ..caller }
}

#[test]
fn a_limited_key_opens_nothing_outside_of_what_it_is_limited_to() {
    let grants =
        Grants { personal: true, anonymous_reading: true, owns: true, ..in_team(TeamRole::Admin, Visibility::Open) };
    let keyed = |caller, action, within_key| ask(confined(caller), action, Grants { within_key, ..grants });
    for &action in Action::ALL {
        for caller in [USER, SYSTEM_ADMIN] {
            assert_eq!(keyed(caller, action, true), ask(caller, action, grants), "{action}");
            let expected = match action.area() {
                Area::Keys | Area::System => forbidden(action, Reason::KeyScope),
                _ => Err(Refusal::Hidden),
            };
            assert_eq!(keyed(caller, action, false), expected, "{action}");
        }
    }
}

#[test]
fn a_limited_key_gives_nothing_that_its_owner_may_not() {
    let grants = Grants { within_key: true, ..in_team(TeamRole::ViewOnly, Visibility::Team) };
    assert_eq!(ask(confined(USER), Action::RunLog, grants), forbidden(Action::RunLog, Reason::Role));
    let elsewhere = Grants { within_key: true, ..outside(Visibility::Team) };
    assert_eq!(ask(confined(USER), Action::RunRead, elsewhere), Err(Refusal::Hidden));
}

#[test]
fn a_service_account_is_a_member_at_home_and_finds_only_open_projects_elsewhere() {
    let account = Caller { service: Some(ServiceHome::Team(EntityId(1))), ..USER };
    for visibility in [Visibility::Open, Visibility::Public, Visibility::Team] {
        assert_eq!(ask(account, Action::RunLog, in_team(TeamRole::Member, visibility)), Ok(()), "{visibility:?}");
    }
    let restricted = in_team(TeamRole::Member, Visibility::Restricted);
    assert_eq!(ask(account, Action::RunRead, restricted), Err(Refusal::Hidden));
    assert_eq!(ask(account, Action::RunLog, invited(restricted, TeamRole::Member)), Ok(()));

    assert_eq!(ask(account, Action::RunLog, outside(Visibility::Open)), Ok(()));
    for visibility in [Visibility::Public, Visibility::Team, Visibility::Restricted] {
        assert_eq!(ask(account, Action::RunRead, outside(visibility)), Err(Refusal::Hidden), "{visibility:?}");
    }
    let for_anybody = Grants { anonymous_reading: true, ..outside(Visibility::Public) };
    assert_eq!(ask(account, Action::RunRead, for_anybody), Ok(()));
}

#[test]
fn refusals_say_what_to_do() {
    let refusal = Refusal::Forbidden { action: Action::RunLog, reason: Reason::Role };
    assert_eq!(
        refusal.to_string(),
        "run:log is refused: your role does not allow it; ask an admin for a role that does"
    );
    let unlicensed = Refusal::NotLicensed { feature: Feature::AuditLog };
    assert!(unlicensed.to_string().starts_with("audit_log needs a licence"));
}

fn every_feature() -> Licence {
    Licence::of(Action::ALL.iter().filter_map(|action| action.rule().needs))
}

#[test]
fn a_deleted_team_is_there_for_nobody_and_tells_its_members_why_they_are_refused() {
    let system_admin = Caller::user(UserId(1), true, KeyScope::Full);
    let trash = |team| Grants { team, in_trash: true, visibility: Some(Visibility::Open), ..Grants::default() };
    let decided = |caller: &Caller, action, team| decide(caller, action, &trash(team), &Licence::none());

    for &action in Action::ALL.iter().filter(|action| **action != Action::TeamRestore) {
        assert!(decided(&Caller::OPERATOR, action, None) == Err(Refusal::Hidden), "{action}");
        assert!(decided(&system_admin, action, None) == Err(Refusal::Hidden), "{action}");
        let member = decided(&Caller::user(UserId(2), false, KeyScope::Full), action, Some(TeamRole::Admin));
        match member {
            Err(Refusal::Hidden) => assert!(action.is_read(), "{action}"),
            Err(Refusal::Forbidden { reason: Reason::InTrash, .. }) => assert!(!action.is_read(), "{action}"),
            other => panic!("{action}: {other:?}"),
        }
    }
    assert_eq!(decided(&system_admin, Action::TeamRestore, None), Ok(()));
    assert_eq!(decided(&Caller::SYSTEM, Action::RunLog, None), Ok(()));
}

#[test]
fn whoever_gives_roles_in_a_project_gives_view_only_there_with_a_licence() {
    let licensed = Licence::of([Feature::ViewOnly]);
    let give = |grants: Grants, licence: &Licence| decide(&USER, Action::RoleAssignViewOnly, &grants, licence);
    let member = in_team(TeamRole::Member, Visibility::Team);
    let owner = Grants { owns: true, ..member };

    assert_eq!(give(owner, &licensed), Ok(()));
    assert_eq!(give(owner, &Licence::none()), Err(Refusal::NotLicensed { feature: Feature::ViewOnly }));
    assert_eq!(give(invited(member, TeamRole::Admin), &licensed), Ok(()));
    assert_eq!(give(member, &licensed), forbidden(Action::RoleAssignViewOnly, Reason::NotOwner));
    // In the team they give it to nobody.
    let in_team = Grants { visibility: None, ..owner };
    assert_eq!(give(in_team, &licensed), forbidden(Action::RoleAssignViewOnly, Reason::Role));
}

//! An explanation is the decision: the same verdict, and steps that lead to it.

use super::*;
use crate::access::decide::{Reason, decide};
use crate::access::{ActionSet, InstanceRules, PresentedKey, Principal};
use crate::domain::id::{ApiKeyId, EntityId, UserId};
use crate::domain::origin::Origin;
use crate::domain::user::ServiceHome;
use proptest::prelude::*;
use proptest::sample::select;

fn caller() -> impl Strategy<Value = Caller> {
    let principals = vec![
        Principal::Anonymous,
        Principal::User { id: UserId(7), system_admin: false },
        Principal::User { id: UserId(7), system_admin: true },
        Principal::Operator,
        Principal::System,
    ];
    let scopes = vec![KeyScope::Full, KeyScope::Write, KeyScope::Read];
    let keys = vec![None, Some(PresentedKey { id: ApiKeyId(3), is_confined: true })];
    let homes = vec![None, Some(ServiceHome::Team(EntityId(1)))];
    let parts = (select(principals), select(scopes), select(keys), select(homes));
    parts.prop_map(|(principal, scope, key, service)| Caller {
        principal,
        scope,
        key,
        service,
        ..Caller { origin: Origin::LOCAL, instance: InstanceRules::DEFAULT, ..Caller::ANONYMOUS }
    })
}

fn team_role() -> impl Strategy<Value = Option<TeamRole>> {
    select(vec![None, Some(TeamRole::ViewOnly), Some(TeamRole::Member), Some(TeamRole::Admin)])
}

fn grants() -> impl Strategy<Value = Grants> {
    let organization_roles =
        vec![None, Some(OrganizationRole::Viewer), Some(OrganizationRole::Member), Some(OrganizationRole::Admin)];
    let visibilities = vec![
        None,
        Some(Visibility::Open),
        Some(Visibility::Public),
        Some(Visibility::Team),
        Some(Visibility::Restricted),
    ];
    let added = prop::collection::vec(select(Action::ALL), 0..4);
    let roles = (team_role(), select(organization_roles), team_role(), select(visibilities), added);
    (roles, any::<[bool; 9]>()).prop_map(|((team, organization, project, visibility, added), flags)| {
        let [owns, personal, registry_admin, listed, members_invite, anonymous_reading, closed, within_key, in_trash] =
            flags;
        Grants {
            team,
            added: added.into_iter().collect::<ActionSet>(),
            organization,
            project,
            visibility,
            owns,
            personal,
            registry_admin,
            listed,
            members_invite,
            anonymous_reading,
            closed,
            within_key,
            in_trash,
        }
    })
}

fn licence() -> impl Strategy<Value = Licence> {
    let features: Vec<Feature> = Action::ALL.iter().filter_map(|action| action.rule().needs).collect();
    prop::collection::vec(select(features), 0..3).prop_map(Licence::of)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_verdict_is_that_of_a_request(
        (caller, grants, licence) in (caller(), grants(), licence()),
        action in select(Action::ALL),
    ) {
        let explained = Explanation::of(&caller, action, &grants, &licence);

        prop_assert_eq!(explained.verdict, decide(&caller, action, &grants, &licence));
        prop_assert_eq!(explained.verdict.is_ok(), leads_to_yes(&explained.steps), "{:?}", explained.steps);
        let told_hidden = explained.steps.contains(&Step::Sees(false));
        prop_assert_eq!(explained.verdict == Err(Refusal::Hidden), told_hidden);
    }
}

/// What a reader of the steps alone would say.
fn leads_to_yes(steps: &[Step]) -> bool {
    let owns = steps.contains(&Step::Owns(true));
    let gives = |step: &Step| match step {
        Step::System | Step::ByVisibility(Granted::Yes) | Step::ByCustomRole(true) | Step::ByInvitationSwitch => true,
        Step::Cell(_, Cell::Yes) => true,
        Step::Cell(_, Cell::Own) => owns,
        _ => false,
    };
    let takes_away = |step: &Step| {
        matches!(
            step,
            Step::WithinKey(false)
                | Step::KeyScope(_, false)
                | Step::PersonalProjectsOff
                | Step::InTrash
                | Step::Licence(_, false)
                | Step::Sees(_)
        )
    };
    steps.iter().any(gives) && !steps.iter().any(takes_away)
}

#[test]
fn the_steps_read_as_sentences_in_their_order() {
    let grants = Grants {
        team: Some(TeamRole::Member),
        organization: Some(OrganizationRole::Member),
        visibility: Some(Visibility::Team),
        ..Grants::default()
    };
    let grace = Caller::user(UserId(7), false, KeyScope::Full);

    let explained = Explanation::of(&grace, Action::RunDelete, &grants, &Licence::none());

    assert_eq!(explained.verdict, Err(Refusal::Forbidden { action: Action::RunDelete, reason: Reason::NotOwner }));
    let sentences: Vec<String> = explained.steps.iter().map(Step::to_string).collect();
    assert_eq!(
        sentences,
        [
            "role in the team: member",
            "role in the organization: member",
            "visibility of the project: team",
            "does not own the object",
            "for this action that comes to the role member",
            "the table says for member: only on what is their own",
            "the visibility of the project does not allow it to them",
            "may know that the object exists, so the refusal says why",
        ]
    );
}

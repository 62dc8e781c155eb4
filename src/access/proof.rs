//! The proof that a check was made: what is found is `Unchecked`, what may be used is `Allowed`.

use super::caller::Caller;
use super::decide::{Refusal, decide};
use super::grants::{Grants, Licence};
use super::policy::{Action, Cell};
use crate::domain::api_key::KeyScope;
use crate::domain::id::UserId;
use std::ops::Deref;

/// A thing that was found, with the caller's grants around it. Nothing can be read from it before
/// [`Caller::may`].
#[must_use]
pub struct Unchecked<T> {
    value: T,
    grants: Grants,
}

impl<T> Unchecked<T> {
    /// For the code that reads objects and the grants beside them.
    pub(crate) fn new(value: T, grants: Grants) -> Self {
        Self { value, grants }
    }

    /// The grants alone, for who asks about them and not about the value.
    pub fn forget(self) -> Unchecked<()> {
        Unchecked { value: (), grants: self.grants }
    }

    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }
}

/// A thing on which the caller may do one named action.
#[derive(Debug)]
pub struct Allowed<T> {
    value: T,
    grants: Grants,
    action: Action,
}

/// The proof that somebody acts on their own account: signed in, or by their password, or by a link that was sent to
/// them. No row of the table is asked, for it opens nobody else's.
#[derive(Debug, Clone, Copy)]
pub struct Own(UserId);

impl Own {
    /// For the code that has checked a password or a link.
    pub(crate) fn proven(user: UserId) -> Self {
        Self(user)
    }

    pub fn user(&self) -> UserId {
        self.0
    }
}

impl Caller {
    /// The caller's own account, if it is a person who asks and not with a key that was narrowed or limited.
    pub fn own(&self) -> Option<Own> {
        let has_all_rights = self.scope == KeyScope::Full && self.confined_key().is_none() && self.service.is_none();
        self.user_id().filter(|_| has_all_rights).map(Own)
    }

    /// Turns what was found into what may be used for `action`, or says why not.
    pub fn may<T>(&self, action: Action, found: Unchecked<T>, licence: &Licence) -> Result<Allowed<T>, Refusal> {
        decide(self, action, &found.grants, licence)?;
        Ok(Allowed { value: found.value, grants: found.grants, action })
    }
}

impl<T> Allowed<T> {
    /// What was asked for and granted.
    pub fn action(&self) -> Action {
        self.action
    }

    /// A writer says which action it carries out; being handed the proof of another one is a bug.
    ///
    /// # Panics
    /// When the check was made for another action.
    #[track_caller]
    pub fn must_be(&self, action: Action) {
        assert!(self.action == action, "checked for {} and used for {action}", self.action);
    }

    /// Gives the proof up for a check of another action on the same thing.
    pub fn again(self) -> Unchecked<T> {
        Unchecked::new(self.value, self.grants)
    }

    /// The same proof over something made from the value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Allowed<U> {
        Allowed { value: make(self.value), grants: self.grants, action: self.action }
    }

    /// A proof over a child, while the parent's stays in use.
    ///
    /// # Panics
    /// When the action hangs on ownership: owning the parent is not owning the child, so the child is
    /// found and checked by itself.
    #[track_caller]
    pub fn project<U>(&self, child: impl FnOnce(&T) -> U) -> Allowed<U> {
        assert!(!self.action.rule().cells.contains(&Cell::Own), "{} is checked on each child", self.action);
        let grants = Grants { owns: false, ..self.grants };
        Allowed { value: child(&self.value), grants, action: self.action }
    }

    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Allowed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::TeamRole;

    fn member() -> (Caller, Unchecked<&'static str>) {
        let grants = Grants { team: Some(TeamRole::Member), ..Grants::default() };
        (Caller::user(UserId(1), false, KeyScope::Full), Unchecked::new("a run", grants))
    }

    #[test]
    fn a_proof_opens_the_value_and_names_its_action() {
        let (caller, found) = member();
        let run = caller.may(Action::RunLog, found, &Licence::none()).unwrap();
        run.must_be(Action::RunLog);
        assert_eq!(*run, "a run");
    }

    #[test]
    #[should_panic(expected = "checked for run:read and used for run:log")]
    fn a_proof_of_reading_is_refused_by_a_writer() {
        let (caller, found) = member();
        caller.may(Action::RunRead, found, &Licence::none()).unwrap().must_be(Action::RunLog);
    }

    #[test]
    fn a_child_carries_its_parents_action() {
        let (caller, found) = member();
        let parent = caller.may(Action::RunRead, found, &Licence::none()).unwrap();
        let child = parent.project(|name| name.len());
        assert_eq!((*child, child.action()), (5, Action::RunRead));
        assert_eq!(parent.map(str::to_owned).action(), Action::RunRead);
    }

    #[test]
    #[should_panic(expected = "run:delete is checked on each child")]
    fn a_child_inherits_no_ownership() {
        let grants = Grants { team: Some(TeamRole::Admin), owns: true, ..Grants::default() };
        let caller = Caller::user(UserId(1), false, KeyScope::Full);
        let project = caller.may(Action::RunDelete, Unchecked::new("a project", grants), &Licence::none()).unwrap();
        project.project(|name| name.len());
    }

    #[test]
    fn only_a_person_with_all_their_rights_has_an_account_of_their_own() {
        let person = |scope| Caller::user(UserId(1), true, scope).own().map(|own| own.user());

        assert_eq!(person(KeyScope::Full), Some(UserId(1)));
        assert_eq!((person(KeyScope::Write), person(KeyScope::Read)), (None, None));
        assert!(
            Caller::OPERATOR.own().is_none() && Caller::SYSTEM.own().is_none() && Caller::ANONYMOUS.own().is_none()
        );
    }

    #[test]
    fn a_second_action_is_checked_anew() {
        let (caller, found) = member();
        let run = caller.may(Action::RunRead, found, &Licence::none()).unwrap();
        assert!(caller.may(Action::RunDelete, run.again(), &Licence::none()).is_err());
    }
}

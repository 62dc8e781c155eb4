//! The client's words for who sees a project.

use super::error::invalid;
use crate::access::Visibility;

pub(super) fn word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Open => "USER_WRITE",
        Visibility::Public => "USER_READ",
        Visibility::Team => "PRIVATE",
        Visibility::Restricted => "RESTRICTED",
    }
}

pub(super) fn parse(text: &str) -> async_graphql::Result<Visibility> {
    let found = Visibility::ALL.into_iter().find(|visibility| word(*visibility) == text);
    found.ok_or_else(|| {
        let words = Visibility::ALL.map(word).join(", ");
        invalid(format!("there is no `access` like `{text}`; it is one of {words}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_and_another_one_refused() {
        for visibility in Visibility::ALL {
            assert_eq!(parse(word(visibility)).ok(), Some(visibility));
        }
        assert!(parse("ENTITY_WRITE").is_err());
    }
}

//! How a team shows itself: an introduction, links, projects, and a picture.

use super::clock::Timestamp;
use super::id::{EntityId, ObjectId, ProjectId};
use super::image::ImageFormat;
use serde::{Deserialize, Serialize};

const INTRODUCTION_BYTES_MAX: usize = 64 * 1024;
const LINKS_MAX: usize = 50;
const TITLE_CHARS_MAX: usize = 200;
const URL_BYTES_MAX: usize = 2000;
pub const SHOWN_PROJECTS_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TeamProfile {
    /// Markdown, as it was written.
    pub introduction: String,
    pub audience: Audience,
    pub links: Vec<ProfileLink>,
    /// In the order in which they are shown. One that is gone is shown to nobody.
    pub projects: Vec<ProjectId>,
    pub updated_at: Timestamp,
}

/// For whom a profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    #[default]
    Team,
    /// Every signed-in person, and visitors where the instance lets them read. Not of a hidden team.
    Everyone,
}

/// A site or a paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileLink {
    pub title: String,
    pub url: String,
}

/// A picture in the store of its team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    pub object: ObjectId,
    /// In whose store it is.
    pub owner: EntityId,
    pub format: ImageFormat,
    pub size_bytes: u64,
    pub md5: [u8; 16],
    pub stored_at: Timestamp,
}

/// An image in an introduction that lies on another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideImage {
    pub team: EntityId,
    pub url: String,
    /// What was fetched last; it stays when fetching fails.
    pub image: Option<StoredImage>,
    /// When it is to be fetched next.
    pub due_at: Timestamp,
}

/// What a profile may hold; the field that is to blame, and why.
pub fn check_profile(introduction: &str, links: &[ProfileLink]) -> Result<(), (&'static str, String)> {
    if introduction.len() > INTRODUCTION_BYTES_MAX {
        return Err(("introduction", format!("an introduction has at most {INTRODUCTION_BYTES_MAX} bytes")));
    }
    if links.len() > LINKS_MAX {
        return Err(("links", format!("a profile has at most {LINKS_MAX} links")));
    }
    for link in links {
        let title_chars = link.title.chars().count();
        if link.title.trim().is_empty() || title_chars > TITLE_CHARS_MAX || link.title.chars().any(char::is_control) {
            return Err(("links", format!("the title of a link has 1 to {TITLE_CHARS_MAX} characters on one line")));
        }
        if !is_web_address(&link.url) {
            let why =
                format!("the address of a link begins with https:// or http:// and has at most {URL_BYTES_MAX} bytes");
            return Err(("links", why));
        }
    }
    Ok(())
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && is_plain && text.len() <= URL_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(title: &str, url: &str) -> Vec<ProfileLink> {
        vec![ProfileLink { title: title.into(), url: url.into() }]
    }

    #[test]
    fn a_profile_has_bounds_and_its_links_lead_into_the_web() {
        assert_eq!(check_profile("# Us", &link("Paper", "https://example.com/a?b#c")), Ok(()));
        for url in
            ["javascript:alert(1)", "data:text/html,x", "//example.com", "https://", "https:///x", "http://a b", "x"]
        {
            assert_eq!(check_profile("", &link("Paper", url)).unwrap_err().0, "links", "{url}");
        }
        for title in ["", "  ", "two\nlines", &"x".repeat(201)] {
            assert_eq!(check_profile("", &link(title, "https://example.com")).unwrap_err().0, "links", "{title:?}");
        }
        assert_eq!(check_profile(&"x".repeat(65_537), &[]).unwrap_err().0, "introduction");
        assert_eq!(check_profile("", &vec![link("a", "http://a").remove(0); 51]).unwrap_err().0, "links");
    }
}

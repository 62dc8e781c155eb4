//! How the records of the audit log are chained: each link holds a hash over the one before it, so that a record which was
//! changed, taken out or put elsewhere is noticed. Who can write to the database can also make the whole chain anew;
//! that shows only to who has noted the head elsewhere.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What the first link follows.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A record as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The record as JSON. Kept as text: reading and writing it again might change it.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    digest: String,
}

impl Written {
    pub fn new(text: String) -> Self {
        let digest = sha256(&[&text]);
        Self { text, digest }
    }

    /// Whether the text is still what was written down.
    pub fn is_intact(&self) -> bool {
        sha256(&[&self.text]) == self.digest
    }
}

/// A record in its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub written: Written,
    /// SHA-256 of the hash of the link before and the digest of this one's text, both in hexadecimal.
    hash: String,
}

/// Where the chain ends: the number of links, and the hash of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub count: u64,
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { count: 0, hash: BEGINNING.to_owned() }
    }
}

impl Head {
    /// The link for the next record; from now on it is the last one.
    pub fn append(&mut self, written: Written) -> Link {
        let link = Link { hash: sha256(&[&self.hash, &written.digest]), written };
        *self = Self { count: self.count + 1, hash: link.hash.clone() };
        link
    }

    /// Goes on to this link, or says what is wrong with it.
    pub fn follow(&mut self, link: &Link) -> Result<(), Broken> {
        if !link.written.is_intact() {
            return Err(Broken::Changed);
        }
        let next = sha256(&[&self.hash, &link.written.digest]);
        if next != link.hash {
            return Err(Broken::Misplaced);
        }
        *self = Self { count: self.count + 1, hash: next };
        Ok(())
    }
}

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("it was changed after it was written")]
    Changed,
    #[error("it does not follow the record before it: one of them was put there, or changed, afterwards")]
    Misplaced,
}

fn sha256(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update(text));
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(texts: &[&str]) -> (Vec<Link>, Head) {
        let mut head = Head::default();
        let links = texts.iter().map(|text| head.append(Written::new((*text).to_owned()))).collect();
        (links, head)
    }

    fn follow(links: &[Link]) -> Result<Head, Broken> {
        let mut head = Head::default();
        links.iter().try_for_each(|link| head.follow(link)).map(|()| head)
    }

    #[test]
    fn what_was_chained_is_followed_to_its_head() {
        let (links, head) = chain(&["a", "b", "c"]);

        assert_eq!(follow(&links), Ok(head));
    }

    #[test]
    fn a_changed_a_missing_and_a_misplaced_link_are_noticed() {
        let (links, _) = chain(&["a", "b", "c"]);

        let mut changed = links.clone();
        changed[1].written.text = "x".into();
        assert_eq!(follow(&changed), Err(Broken::Changed));
        let mut replaced = links.clone();
        replaced[1].written = Written::new("x".into());
        assert_eq!(follow(&replaced), Err(Broken::Misplaced));
        let mut swapped = links.clone();
        swapped.swap(0, 1);
        assert_eq!(follow(&swapped), Err(Broken::Misplaced));
        assert_eq!(follow(&links[1..]), Err(Broken::Misplaced));
    }

    #[test]
    fn a_hash_is_what_other_tools_reckon() {
        // `printf %s abc | sha256sum`
        assert_eq!(sha256(&["a", "bc"]), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

//! A manifest as clients write it (wandb 0.31.0, "Manifest v1"): JSON with entries by path. Here it is read, with every
//! bound that somebody else's text needs, joined with others, and written; what its entries lead to is not known here.

use super::Digest;
use crate::domain::file::FilePath;
use crate::domain::id::ArtifactId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// References that were not looked into have the whole URI as their digest.
const DIGEST_BYTES_MAX: usize = 8192;
const REFERENCE_BYTES_MAX: usize = 8192;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestFile {
    version: u32,
    storage_policy: Option<String>,
    storage_policy_config: Option<Box<RawValue>>,
    pub contents: Contents,
}

/// Entries by path; bytes sort as clients sort paths.
#[derive(Debug, Default)]
pub struct Contents(pub BTreeMap<String, ListedEntry>);

/// One line of a manifest. What only means something where it was written, the local path, is left out.
#[derive(Debug, Deserialize, Serialize)]
pub struct ListedEntry {
    pub digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, rename = "birthArtifactID", skip_serializing_if = "Option::is_none")]
    pub birth_artifact_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_cache: Option<bool>,
}

impl ListedEntry {
    /// The artifact that brought the content first, by its id on the wire.
    pub fn birth(&self) -> Option<ArtifactId> {
        let id = STANDARD.decode(self.birth_artifact_id.as_ref()?).ok()?;
        std::str::from_utf8(&id).ok()?.strip_prefix("Artifact:")?.parse().ok().map(ArtifactId)
    }
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest cannot be read: {0}")]
pub struct BadManifest(String);

impl ManifestFile {
    pub fn parse(bytes: &[u8]) -> Result<Self, BadManifest> {
        let file: Self = serde_json::from_slice(bytes).map_err(|error| BadManifest(error.to_string()))?;
        if file.version != 1 {
            return Err(BadManifest(format!("its version is {}, this server knows version 1", file.version)));
        }
        Ok(file)
    }

    /// Adds the entries of another; where both have a path, the other's counts.
    pub fn join(&mut self, other: Self) {
        self.contents.0.extend(other.contents.0);
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, BadManifest> {
        serde_json::to_vec(self).map_err(|error| BadManifest(error.to_string()))
    }

    /// What clients call the digest of an artifact.
    pub fn digest(&self) -> String {
        let mut digest = Digest::default();
        for (path, entry) in &self.contents.0 {
            digest.add(path, &entry.digest);
        }
        digest.finish()
    }
}

impl Serialize for Contents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (path, entry) in &self.0 {
            map.serialize_entry(path, entry)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesByPath)
    }
}

struct EntriesByPath;

impl<'de> Visitor<'de> for EntriesByPath {
    type Value = Contents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries by path")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Contents, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(path) = map.next_key::<String>()? {
            FilePath::parse(&path).map_err(|why| A::Error::custom(format!("`{}`: {why}", shortened(&path))))?;
            let entry: ListedEntry = map.next_value()?;
            check(&entry).map_err(|why| A::Error::custom(format!("`{}`: {why}", shortened(&path))))?;
            if entries.contains_key(&path) {
                return Err(A::Error::custom(format!("`{}` is in it twice", shortened(&path))));
            }
            entries.insert(path, entry);
        }
        Ok(Contents(entries))
    }
}

fn check(entry: &ListedEntry) -> Result<(), &'static str> {
    let is_too_long = |text: &str, most: usize| text.len() > most;
    if entry.digest.is_empty() || is_too_long(&entry.digest, DIGEST_BYTES_MAX) {
        return Err("a digest has 1 to 8192 bytes");
    }
    // Digests are hashed line by line.
    if entry.digest.chars().any(char::is_control) {
        return Err("a digest has no control characters");
    }
    if entry.reference.as_deref().is_some_and(|uri| is_too_long(uri, REFERENCE_BYTES_MAX)) {
        return Err("a reference has at most 8192 bytes");
    }
    Ok(())
}

/// Enough of a path to know it by.
pub fn shortened(path: &str) -> String {
    path.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(contents: &str) -> String {
        format!(
            r#"{{"version":1,"storagePolicy":"wandb-storage-policy-v1",
               "storagePolicyConfig":{{"storageLayout":"V2"}},"contents":{contents}}}"#
        )
    }

    fn parse(contents: &str) -> Result<ManifestFile, BadManifest> {
        ManifestFile::parse(with(contents).as_bytes())
    }

    #[test]
    fn a_manifest_of_a_client_is_read_and_has_the_digest_that_the_client_reckoned() {
        // As wandb 0.31.0 sent it, with the digest that it declared.
        let read = parse(
            r#"{"a.txt":{"digest":"LBdDo5EwX782ffjk8Gn5+Q==","size":5,"local_path":"/home/ada/a.txt",
                "birthArtifactID":"QXJ0aWZhY3Q6MQ==","skip_cache":false},
                "b.txt":{"digest":"mHvKsBuSnrLAeHeyJCFckg==","size":4,"skip_cache":false},
                "x.bin":{"digest":"http://STUB_REF/x.bin","ref":"http://STUB_REF/x.bin","size":0}}"#,
        )
        .unwrap();

        let entry = &read.contents.0["a.txt"];
        assert_eq!((entry.size, entry.birth()), (Some(5), Some(ArtifactId(1))));
        assert_eq!(read.contents.0["x.bin"].reference.as_deref(), Some("http://STUB_REF/x.bin"));
        assert_eq!(read.contents.0.len(), 3);
    }

    #[test]
    fn what_would_be_written_outside_or_means_two_things_is_refused() {
        for (contents, why) in [
            (r#"{"../x":{"digest":"d"}}"#, "`../x`"),
            (r#"{"/etc/x":{"digest":"d"}}"#, "`/etc/x`"),
            (r#"{"a":{"digest":"d"},"a":{"digest":"e"}}"#, "twice"),
            (r#"{"a":{"digest":"d"},"\u0061":{"digest":"e"}}"#, "twice"),
            (r#"{"a":{"digest":""}}"#, "1 to 8192"),
            (r#"{"a":{"digest":"d\nb:e"}}"#, "control"),
            (r#"{"a":{"digest":"d","size":-1}}"#, "-1"),
            (r#"{"a":{}}"#, "digest"),
            (r#"[]"#, "entries by path"),
            (r#"{"a":{"digest":"d"}"#, "EOF"),
        ] {
            let error = parse(contents).unwrap_err().to_string();
            assert!(error.contains(why), "{contents}: {error}");
        }
        let newer = with("{}").replacen(":1,", ":2,", 1);
        assert!(ManifestFile::parse(newer.as_bytes()).unwrap_err().to_string().contains("version is 2"));
    }

    #[test]
    fn nesting_without_end_is_an_error_and_no_crash() {
        let deep = format!(r#"{{"a":{{"digest":"d","extra":{}1{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));

        let _either_is_fine = parse(&deep);
        assert!(ManifestFile::parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_a_client_keeps_beside_an_entry_is_written_again_and_its_local_path_is_not() {
        let read =
            parse(r#"{"a":{"digest":"d","ref":"s3://b/a","extra":{"etag":"x"},"local_path":"/home/ada"}}"#).unwrap();

        let written = String::from_utf8(read.to_bytes().unwrap()).unwrap();

        assert!(written.contains(r#""extra":{"etag":"x"}"#) && written.contains(r#"{"storageLayout":"V2"}"#));
        assert!(!written.contains("home"));
    }

    fn entries() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[a-zA-Zäß0-9_ .-]{1,12}(/[a-z]{1,4})?", "[a-zA-Z0-9+/=:]{1,24}", 0..40)
            .prop_map(|map| map.into_iter().filter(|(path, _)| FilePath::parse(path).is_ok()).collect())
    }

    fn file_of(entries: &BTreeMap<String, String>) -> ManifestFile {
        let listed: BTreeMap<_, _> =
            entries.iter().map(|(path, digest)| (path, serde_json::json!({ "digest": digest }))).collect();
        parse(&serde_json::to_string(&listed).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back_with_the_same_digest(entries in entries()) {
            let file = file_of(&entries);

            let again = ManifestFile::parse(&file.to_bytes().unwrap()).unwrap();

            prop_assert_eq!(again.digest(), file.digest());
            prop_assert_eq!(again.contents.0.len(), entries.len());
        }

        #[test]
        fn joining_is_what_a_map_does(base in entries(), patch in entries()) {
            let mut joined = file_of(&base);
            joined.join(file_of(&patch));

            let mut expected = base;
            expected.extend(patch);

            prop_assert_eq!(joined.digest(), file_of(&expected).digest());
        }

        #[test]
        fn the_digest_tells_any_two_sets_of_entries_apart(one in entries(), other in entries()) {
            prop_assert_eq!(file_of(&one).digest() == file_of(&other).digest(), one == other);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let _refused = ManifestFile::parse(&bytes);
            let whole = with(r#"{"a":{"digest":"d","size":1},"b/c":{"digest":"e","ref":"s3://x"}}"#);
            if cut < whole.len() {
                prop_assert!(ManifestFile::parse(&whole.as_bytes()[..cut]).is_err());
            }
        }
    }
}

//! Whether two connectors lead to the same objects.

use super::{ConnectorSpec, Place};
use std::path::{Path, PathBuf};
use url::Url;

impl ConnectorSpec {
    /// Whether what one keeps lies in what the other keeps.
    pub fn overlaps(&self, other: &Self) -> bool {
        if let (Some(own), Some(others)) = (self.directory(), other.directory()) {
            return own.starts_with(&others) || others.starts_with(&own);
        }
        bucket_of(&self.place) == bucket_of(&other.place)
            && (is_within(&self.prefix, &other.prefix) || is_within(&other.prefix, &self.prefix))
    }

    /// Whether the other keeps the same objects under the same keys, however it gets there.
    pub fn keeps_the_same(&self, other: &Self) -> bool {
        match (self.directory(), other.directory()) {
            (Some(own), Some(others)) => own == others,
            _ => bucket_of(&self.place) == bucket_of(&other.place) && self.prefix == other.prefix,
        }
    }

    /// Where a local one keeps its objects.
    pub fn directory(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Local { directory } => Some(Path::new(directory).join(&self.prefix)),
            _ => None,
        }
    }
}

fn is_within(prefix: &str, other: &str) -> bool {
    other.is_empty() || prefix == other || prefix.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

/// What tells buckets apart, whatever they are reached by.
fn bucket_of(place: &Place) -> (&'static str, String, String) {
    match place {
        Place::Local { directory } => ("local", String::new(), directory.clone()),
        // Names of buckets at Amazon are told apart by themselves, in all regions.
        Place::S3 { bucket, endpoint, .. } => {
            let host = host_of(endpoint.as_deref(), "amazonaws.com");
            (if host.is_empty() { "amazon" } else { "s3" }, host, bucket.clone())
        }
        Place::Gcs { bucket, endpoint } => ("gcs", host_of(endpoint.as_deref(), "googleapis.com"), bucket.clone()),
        Place::Azure { account, container, endpoint } => {
            let host = host_of(endpoint.as_deref(), "blob.core.windows.net");
            ("azure", host, format!("{account}/{container}"))
        }
    }
}

/// Empty for the provider's own.
fn host_of(endpoint: Option<&str>, own: &str) -> String {
    let Some(url) = endpoint.and_then(|endpoint| Url::parse(endpoint).ok()) else { return String::new() };
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if host == own || host.ends_with(&format!(".{own}")) {
        return String::new();
    }
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connector::{DataPath, Identity, Network};

    fn spec(place: Place, prefix: &str) -> ConnectorSpec {
        let (identity, data_path, network) = (Identity::Keys, DataPath::default(), Network::default());
        ConnectorSpec { place, prefix: prefix.into(), identity, data_path, network }
    }

    fn s3(bucket: &str, endpoint: Option<&str>, prefix: &str) -> ConnectorSpec {
        let (bucket, endpoint) = (bucket.into(), endpoint.map(str::to_owned));
        spec(Place::S3 { bucket, region: "r".into(), endpoint, path_style: true, encryption: None }, prefix)
    }

    fn local(directory: &str, prefix: &str) -> ConnectorSpec {
        spec(Place::Local { directory: directory.into() }, prefix)
    }

    #[test]
    fn the_same_and_nested_prefixes_of_one_bucket_overlap_and_neighbours_do_not() {
        for (one, other, overlap) in [
            (s3("b", None, ""), s3("b", None, ""), true),
            (s3("b", None, "a"), s3("b", None, ""), true),
            (s3("b", None, "a/x"), s3("b", None, "a"), true),
            (s3("b", None, "a"), s3("b", None, "ab"), false),
            (s3("b", None, "a"), s3("c", None, "a"), false),
            (s3("b", None, "a"), s3("b", Some("https://s3.eu-west-1.amazonaws.com"), "a"), true),
            (s3("b", None, "a"), s3("b", Some("https://minio:9000"), "a"), false),
            (s3("b", Some("https://MINIO"), "a"), s3("b", Some("https://minio:443/"), "a"), true),
            (s3("b", None, ""), spec(Place::Gcs { bucket: "b".into(), endpoint: None }, ""), false),
            (local("/srv/a", ""), local("/srv", ""), true),
            (local("/srv", "a"), local("/srv/a", "b"), true),
            (local("/srv/a", ""), local("/srv/ab", ""), false),
        ] {
            assert_eq!(one.overlaps(&other), overlap, "{one:?} {other:?}");
            assert_eq!(other.overlaps(&one), overlap, "{other:?} {one:?}");
            assert!(one.keeps_the_same(&one) && (overlap || !one.keeps_the_same(&other)));
        }
        assert!(!s3("b", None, "a").keeps_the_same(&s3("b", None, "")));
    }
}

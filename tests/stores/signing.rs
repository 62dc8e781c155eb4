//! What is in a URL that we sign. Nothing is asked for these: signing with keys is reckoning.

use super::case::key;
use super::connect;
use url::Url;
use weighhouse::storage::SignedUrl;

async fn get(address: &str, secs: u64) -> Url {
    let store = connect(address);
    let signed = store.direct().unwrap().get_url(&key(1), secs, None, None).await.unwrap();
    assert_eq!(signed.headers, []);
    signed.url.parse().unwrap()
}

async fn put(address: &str) -> SignedUrl {
    connect(address).direct().unwrap().put_url(&key(1), Some([7; 16]), 600).await.unwrap()
}

fn query(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_url_leads_to_the_endpoint_that_clients_use() {
    let object = key(1).to_string();
    for (address, place) in [
        ("s3://K:S@team-a?region=eu-west-1", "https://team-a.s3.eu-west-1.amazonaws.com/"),
        ("s3://K:S@team.a?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/team.a/"),
        ("s3://K:S@team-a/p/q?region=cn-north-1", "https://team-a.s3.cn-north-1.amazonaws.com.cn/p/q/"),
        ("s3://K:S@minio:9000/team-a", "https://minio:9000/team-a/"),
        ("s3://K:S@minio:9000/team-a?path_style=false", "https://team-a.minio:9000/"),
        ("s3://K:S@minio:9000/team-a?tls=false&endpoint_public=https://s3.test", "https://s3.test/team-a/"),
        ("cw://K:S@team-a", "https://team-a.cwobject.com/"),
        ("az://:AAAA@account/container/p", "https://account.blob.core.windows.net/container/p/"),
        ("az://:AAAA@account/container?endpoint_public=https://blob.test", "https://blob.test/container/"),
    ] {
        let url = get(address, 600).await;

        assert_eq!(url.as_str().split_once('?').unwrap().0, format!("{place}{object}"), "{address}");
    }
}

#[tokio::test]
async fn a_url_lives_as_long_as_was_asked_for_within_what_providers_take() {
    for (secs, signed) in [(600, "600"), (0, "1"), (7 * 24 * 3600, "604800"), (u64::MAX, "604800")] {
        assert_eq!(query(&get("s3://K:S@team-a?region=r", secs).await, "X-Amz-Expires"), signed);
    }
    // Nobody knows how long a session lasts that was given.
    let session = "s3://K:S@team-a?region=r&session_token=a%2Bb";
    assert_eq!(connect(session).direct().unwrap().longest_secs(), Some(300));
    let url = get(session, 24 * 3600).await;
    assert_eq!(query(&url, "X-Amz-Expires"), "300");
    assert_eq!(query(&url, "X-Amz-Security-Token"), "a+b");
}

#[tokio::test]
async fn what_has_to_be_sent_is_spelled_as_clients_look_it_up_and_signed() {
    let md5 = ("Content-MD5", "BwcHBwcHBwcHBwcHBwcHBw==");
    let encryption = "x-amz-server-side-encryption";
    let of_key = "x-amz-server-side-encryption-aws-kms-key-id";
    for (query_of_address, headers) in [
        ("", vec![md5, ("If-None-Match", "*")]),
        ("&sse=AES256", vec![md5, ("If-None-Match", "*"), (encryption, "AES256")]),
        ("&sse=aws:kms", vec![md5, ("If-None-Match", "*"), (encryption, "aws:kms")]),
        ("&kms=key/1", vec![md5, ("If-None-Match", "*"), (encryption, "aws:kms"), (of_key, "key/1")]),
    ] {
        let signed = put(&format!("s3://K:S@team-a?region=r{query_of_address}")).await;

        let found: Vec<_> = signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, headers);
        let names = query(&signed.url.parse().unwrap(), "X-Amz-SignedHeaders");
        for (name, _) in headers {
            assert!(names.split(';').any(|signed| signed == name.to_ascii_lowercase()), "{name} of {names}");
        }
    }
    let azure = put("az://:AAAA@account/container").await;
    assert_eq!(azure.headers, [("x-ms-blob-type".to_owned(), "BlockBlob".to_owned())]);
    assert_eq!(format!("{azure:?}"), "SignedUrl(***)");
}

//! What a client can do with a URL that we signed, and what it cannot.

use super::case::{content, key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use std::time::{Duration, Instant};
use weighhouse::storage::{ObjectKey, SignedUrl, Store};

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

/// A plain client: it knows nothing of stores and sends what it was told to.
async fn ask(method: &'static str, url: &str, headers: &[(String, String)], body: Bytes) -> Answer {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(body.to_vec()).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = match request.method().as_str() {
            "GET" | "DELETE" => {
                let (parts, _) = request.into_parts();
                agent.run(http::Request::from_parts(parts, ())).unwrap()
            }
            _ => agent.run(request).unwrap(),
        };
        let body = answer.body_mut().with_config().limit(32 << 20).read_to_vec().unwrap();
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    });
    answer.await.unwrap()
}

async fn put(signed: &SignedUrl, body: &Bytes) -> u16 {
    ask("PUT", &signed.url, &signed.headers, body.clone()).await.status
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

pub async fn all(store: &Store) {
    an_upload_arrives_and_comes_back(store).await;
    only_what_was_signed_is_taken(store).await;
    a_url_is_for_one_method_and_one_object(store).await;
    a_url_ends(store).await;
    names_and_types_are_answered(store).await;
}

/// The server and clients have different names for the store.
pub async fn by_another_host(store: &Store, host: &str) {
    let signed = store.direct().unwrap().get_url(&key(7001), 600, None, None).await.unwrap();

    assert_eq!(url::Url::parse(&signed.url).unwrap().host_str(), Some(host));
    an_upload_arrives_and_comes_back(store).await;
}

async fn an_upload_arrives_and_comes_back(store: &Store) {
    let (direct, object, body) = (store.direct().unwrap(), key(7001), content(100_000));

    let upload = direct.put_url(&object, Some(md5(&body)), 600).await.unwrap();
    let status = put(&upload, &body).await;
    let download = direct.get_url(&object, 600, None, None).await.unwrap();
    let answer = ask("GET", &download.url, &download.headers, Bytes::new()).await;

    assert!(status == 200 || status == 201, "{status}");
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert!(answer.body == body);
    assert!(store.get(&object).await.unwrap() == body);
    let range = [("Range".to_owned(), "bytes=5-9".to_owned())];
    let answer = ask("GET", &download.url, &range, Bytes::new()).await;
    assert_eq!((answer.status, answer.body), (206, body[5..10].to_vec()));
}

/// On Azure a signature covers no bytes: it says so, and whoever asked has to read what arrived.
async fn only_what_was_signed_is_taken(store: &Store) {
    let (direct, body) = (store.direct().unwrap(), content(1000));
    let upload = direct.put_url(&key(7002), Some(md5(&body)), 600).await.unwrap();
    if !direct.binds_md5() {
        assert!(upload.headers.contains(&("x-ms-blob-type".to_owned(), "BlockBlob".to_owned())));
        assert_eq!(put(&upload, &body).await, 201);
        return;
    }
    assert_eq!(put(&upload, &body).await, 200);
    assert_eq!(put(&upload, &body).await, 412, "what is there is not written again");
    assert!(store.get(&key(7002)).await.unwrap() == body);

    // What becomes of refused bytes only the provider itself can show: the server of S3 here keeps them.
    let (upload, other) = (direct.put_url(&key(7006), Some(md5(&body)), 600).await.unwrap(), content(999));
    let bound = ("Content-MD5".to_owned(), STANDARD.encode(md5(&body)));
    assert!(upload.headers.contains(&bound));
    let without: Vec<_> = upload.headers.iter().filter(|header| **header != bound).cloned().collect();
    let mut of_their_own = without.clone();
    of_their_own.push(("Content-MD5".to_owned(), STANDARD.encode(md5(&other))));
    for (headers, how) in [(&upload.headers, "other bytes"), (&without, "no MD5"), (&of_their_own, "another MD5")] {
        let status = ask("PUT", &upload.url, headers, other.clone()).await.status;
        assert!((400..500).contains(&status), "{how}: {status}");
    }
}

async fn a_url_is_for_one_method_and_one_object(store: &Store) {
    let direct = store.direct().unwrap();
    let (object, other, body) = (key(7003), key(7004), content(100));
    store.put_new(&object, body.clone()).await.unwrap();
    store.put_new(&other, body.clone()).await.unwrap();
    let download = direct.get_url(&object, 600, None, None).await.unwrap().url;
    let upload = direct.put_url(&key(7005), None, 600).await.unwrap();
    let is_refused = |answer: &Answer| (400..500).contains(&answer.status);

    let elsewhere = download.replace(object.as_str(), other.as_str());
    assert_ne!(elsewhere, download);
    assert!(is_refused(&ask("GET", &elsewhere, &[], Bytes::new()).await));
    assert!(is_refused(&ask("DELETE", &download, &[], Bytes::new()).await));
    assert!(is_refused(&ask("PUT", &download, &upload.headers, body.clone()).await));
    assert!(is_refused(&ask("GET", &upload.url, &upload.headers, Bytes::new()).await));
    let (place, _) = download.split_once('?').unwrap();
    assert!(is_refused(&ask("GET", place, &[], Bytes::new()).await));
    // The end of its life is part of what is signed.
    let longer = download.replace("Expires=600", "Expires=604800");
    let longer =
        if longer == download { download.replacen("&se=2", "&se=3", 1).replacen("?se=2", "?se=3", 1) } else { longer };
    assert_ne!(longer, download);
    assert!(is_refused(&ask("GET", &longer, &[], Bytes::new()).await));
    assert!(store.get(&object).await.unwrap() == body);
}

async fn a_url_ends(store: &Store) {
    let (direct, object) = (store.direct().unwrap(), key(7003));
    let download = direct.get_url(&object, 1, None, None).await.unwrap().url;
    let begun = Instant::now();
    while ask("GET", &download, &[], Bytes::new()).await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn names_and_types_are_answered(store: &Store) {
    let direct = store.direct().unwrap();
    if !direct.names_downloads() {
        return;
    }
    let download = direct.get_url(&key(7003), 600, Some("größe \"1\"\r\n.txt"), Some("text/plain")).await.unwrap();
    let answer = ask("GET", &download.url, &[], Bytes::new()).await;

    // Both are part of what is signed; the double answers without them.
    assert_eq!(answer.status, 200);
    assert!(download.url.contains("response-content-type=text%2Fplain"), "it is signed");
    if let Some(name) = answer.headers.get("content-disposition") {
        assert_eq!(name, "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22%0D%0A%2Etxt");
        assert_eq!(answer.headers["content-type"], "text/plain");
    }
}

pub async fn parts(store: &Store) {
    let (direct, object) = (store.direct().unwrap(), key(7010));
    let pieces = [content(6 << 20), content(100)];
    let upload = direct.begin_parts(&object).await.unwrap();

    let mut etags = Vec::new();
    for (number, piece) in (1..).zip(&pieces) {
        let signed = direct.part_url(&object, &upload, number, md5(piece), 600).await.unwrap();
        let of_other_part = signed.url.replace(&format!("partNumber={number}"), "partNumber=9");
        // Few bytes: whoever refuses does not read them all.
        assert!(ask("PUT", &of_other_part, &signed.headers, content(10)).await.status >= 400);
        let unbound = ask("PUT", &signed.url, &[], content(10)).await.status;
        assert!((400..500).contains(&unbound), "without its MD5: {unbound}");
        let answer = ask("PUT", &signed.url, &signed.headers, piece.clone()).await;
        assert_eq!(answer.status, 200);
        etags.push(answer.headers["etag"].to_str().unwrap().to_owned());
    }
    assert!(store.head(&object).await.is_err(), "nothing shows before the end");
    direct.complete_parts(&object, &upload, etags).await.unwrap();

    assert!(store.get(&object).await.unwrap() == pieces.concat());
    assert_eq!(store.head(&object).await.unwrap().md5, None);
    given_up(store, &key(7011)).await;
}

async fn given_up(store: &Store, object: &ObjectKey) {
    let direct = store.direct().unwrap();
    let upload = direct.begin_parts(object).await.unwrap();
    let piece = content(100);
    let signed = direct.part_url(object, &upload, 1, md5(&piece), 600).await.unwrap();

    direct.abort_parts(object, &upload).await.unwrap();

    assert!(ask("PUT", &signed.url, &signed.headers, piece).await.status >= 400);
    assert!(direct.complete_parts(object, &upload, vec!["\"x\"".into()]).await.is_err());
}

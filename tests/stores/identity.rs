//! Identities that are asked for: by a role, by a token file, by the pod's own service.

use super::case::key;
use super::{connect, gcs, s3};
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::TcpListener;
use weighhouse::storage::{Store, StoreError};

fn body() -> Bytes {
    Bytes::from_static(b"some bytes")
}

async fn holds(store: &Store) {
    store.put_new(&key(1), body()).await.unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), body());
}

/// The bucket of team A at the server, without its keys.
fn bucket(server: &s3::S3Server) -> String {
    format!("s3://{}/{}?tls=false", server.address, s3::TEAM_A.bucket)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_taken_on_with_its_external_id() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let plain = server.connector_address(s3::TEAM_A, "");
    let with = |id: &str| connect(&format!("{plain}&role_arn={}&external_id={id}", s3::ROLE));

    let store = with(s3::EXTERNAL_ID);
    holds(&store).await;
    let signed = store.direct().unwrap().get_url(&key(1), 7 * 24 * 3600, None, None).await.unwrap();
    let refused = with("guessed").put_new(&key(2), body()).await;

    assert!(signed.url.contains("ASIAROLE") && signed.url.contains("X-Amz-Expires=900"), "it ends with the role");
    assert_eq!(store.direct().unwrap().longest_secs(), Some(900));
    let Err(StoreError::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert!(refused.status == 403 && refused.words.contains("sts:AssumeRole"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_file_is_exchanged_for_a_role() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(&directory.path().join("objects"));
    let at = |name: &str, token: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, token).unwrap();
        let identity = format!("identity=web&role_arn={}&token_file={}", s3::ROLE, file.display());
        connect(&format!("{}&{identity}", bucket(&server)))
    };

    holds(&at("token", s3::WEB_TOKEN)).await;

    let refused = format!("{:?}", at("other", "s3cr3t").get(&key(1)).await);
    assert!(refused.contains("Refused") && !refused.contains("s3cr3t"), "{refused}");
    let missing = format!("identity=web&role_arn={}&token_file=/none", s3::ROLE);
    let missing = connect(&format!("{}&{missing}", bucket(&server))).get(&key(1)).await;
    assert!(missing.unwrap_err().to_string().contains("/none"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_of_a_pod_gives_keys_for_its_token() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(&directory.path().join("objects"));
    let file = directory.path().join("token");
    std::fs::write(&file, "the token of the pod").unwrap();
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/v1/credentials", service.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = service.accept().unwrap();
        let mut head = vec![0; 8192];
        let length = stream.read(&mut head).unwrap();
        let keys = format!(
            r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}", "Token": "a session", "Expiration": "2100-01-01T00:00:00Z"}}"#,
            s3::TEAM_A.key,
            s3::TEAM_A.secret
        );
        let head_of_answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", keys.len());
        stream.write_all(format!("{head_of_answer}{keys}").as_bytes()).unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    });

    let store = connect(&format!("{}&identity=eks&uri={uri}&token_file={}", bucket(&server), file.display()));
    holds(&store).await;

    assert!(thread.join().unwrap().contains("authorization: the token of the pod\r\n"));
    assert_eq!(store.direct().unwrap().longest_secs(), Some(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_default_credentials_opens_a_double_of_gcs() {
    let directory = tempfile::tempdir().unwrap();
    let server = gcs::GcsDouble::start(directory.path());
    let file = directory.path().join("team-a.json");

    let store = connect(&format!("gs://team-a?identity=adc&file={}&endpoint={}", file.display(), server.endpoint()));

    holds(&store).await;
    assert!(store.direct().unwrap().longest_secs().is_some());
    let public = format!("gs://team-a?identity=adc&file={}&endpoint_public=https://gcs.test", file.display());
    assert!(connect(&public).direct().is_none(), "the host that is signed is always Google's");
}

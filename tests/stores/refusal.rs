//! What is refused, by providers and by us, and what is said about it.

use super::case::key;
use super::harness::fault::{Fault, FaultyProxy};
use super::{azure, connect, gcs, rules, s3, try_connect};
use bytes::Bytes;
use futures_util::TryStreamExt;
use std::sync::Arc;
use weighhouse::domain::connector::address;
use weighhouse::domain::outbound::OutboundRules;
use weighhouse::storage::http::{Answered, DialError};
use weighhouse::storage::{Store, StoreError};

fn body() -> Bytes {
    Bytes::from_static(b"some bytes")
}

fn refused(outcome: Result<impl std::fmt::Debug, StoreError>) -> Answered {
    match outcome {
        Err(StoreError::Refused(answered)) => answered,
        other => panic!("not refused: {other:?}"),
    }
}

/// Every way in, since each has its own path through the library.
async fn all_refused(store: &Store) -> Vec<Answered> {
    vec![
        refused(store.put_new(&key(1), body()).await),
        refused(store.get(&key(1)).await),
        refused(store.head(&key(1)).await),
        refused(store.list().try_collect::<Vec<_>>().await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_their_own_bucket_only_and_s3_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let (own, other) = (s3::TEAM_A, s3::TEAM_B);
    let foreign = connect(&server.connector_address(s3::Team { bucket: other.bucket, ..own }, ""));
    let wrong_secret = connect(&server.connector_address(s3::Team { secret: "guessed", ..own }, ""));
    let no_bucket = connect(&server.connector_address(s3::Team { bucket: "nobodys", ..own }, ""));
    let no_delete = connect(&server.connector_address(s3::TEAM_C, ""));

    assert!(all_refused(&foreign).await.iter().all(|answered| answered.status == 403));
    assert_eq!(refused(foreign.put_new(&key(1), body()).await).code, "AccessDenied");
    assert_eq!(refused(wrong_secret.put_new(&key(1), body()).await).code, "SignatureDoesNotMatch");
    assert_eq!(refused(no_bucket.put_new(&key(1), body()).await).code, "NoSuchBucket");
    no_delete.put_new(&key(1), body()).await.unwrap();
    assert!(no_delete.delete(&key(1)).await.is_err());
    assert_eq!(no_delete.get(&key(1)).await.unwrap(), body());
    assert_eq!(server.bucket(other).read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_says_why() {
    let server = azure::AzureServer::start();
    let own = server.connector_address(azure::TEAM_A, "");
    let wrong_key = connect(&own.replacen("az://:", "az://:AAAA", 1));
    let no_container = connect(&own.replace("/team-a/", "/nobodys/"));
    // The other's key, at the other's account, for one's own container.
    let foreign = connect(&server.connector_address(azure::TEAM_B, "").replace("/team-b/", "/team-a/"));

    assert!(all_refused(&wrong_key).await.iter().all(|answered| answered.status == 403));
    assert_eq!(refused(wrong_key.put_new(&key(1), body()).await).code, "AuthorizationFailure");
    assert_eq!(refused(no_container.put_new(&key(1), body()).await).code, "ContainerNotFound");
    assert_eq!(refused(foreign.put_new(&key(1), body()).await).code, "ContainerNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_of_gcs_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let server = gcs::GcsDouble::start(directory.path());
    let own = server.connector_address(gcs::TEAM_A, "");
    let foreign = connect(&own.replace("@team-a/", "@team-b/"));
    let no_bucket = connect(&own.replace("@team-a/", "@nobodys/"));

    assert!(all_refused(&foreign).await.iter().all(|answered| answered.status == 403));
    assert_eq!(refused(foreign.put_new(&key(1), body()).await).code, "AccessDenied");
    assert!(no_bucket.put_new(&key(1), body()).await.is_err());
}

#[tokio::test]
async fn the_server_goes_where_it_may_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let address = server.connector_address(s3::TEAM_A, "");
    let (spec, secret) = address::parse(&address).unwrap();
    let nothing_named = Arc::new(OutboundRules::default());

    let closed = Store::connect(&spec, secret.as_ref(), &nothing_named).unwrap();
    let outcome = closed.put_new(&key(1), body()).await;
    assert!(matches!(outcome, Err(StoreError::Unreachable(DialError::Refused { .. }))), "{outcome:?}");
    assert!(outcome.unwrap_err().to_string().contains("allow_endpoints"));

    for host in ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "0.0.0.0:1", "[::1]:1"] {
        let store = connect(&format!("s3://K:S@bucket?endpoint=http://{host}"));
        let outcome = store.get(&key(1)).await;
        assert!(matches!(outcome, Err(StoreError::Unreachable(DialError::Refused { .. }))), "{host}: {outcome:?}");
    }
    assert_eq!(server.bucket(s3::TEAM_A).read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named() {
    let unknown = connect("s3://K:S@bucket?endpoint=http://store.invalid");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = connect(&format!("s3://K:S@bucket?endpoint=http://{silent}"));
    let plain = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(plain.path());
    let no_tls = connect(&format!("s3://K:S@bucket?endpoint=https://{}", server.address));

    for (store, word) in [(unknown, "store.invalid"), (closed, "127.0.0.1"), (no_tls, "TLS")] {
        let error = store.get(&key(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_trouble_is_unavailable_and_is_used_again_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let proxy = FaultyProxy::start(server.address);
    let team = s3::TEAM_A;
    let address = server.connector_address(team, "").replace(&server.address.to_string(), &proxy.address.to_string());
    let store = connect(&address);
    store.put_new(&key(1), Bytes::from(vec![7; 1 << 20])).await.unwrap();

    for (number, fault) in (10..).zip([Fault::Unavailable, Fault::Reset, Fault::Truncate(100)]) {
        proxy.set(fault);
        let outcome = store.get(&key(1)).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{fault:?}: {outcome:?}");

        proxy.set(Fault::None);
        store.put_new(&key(number), body()).await.unwrap();
        assert_eq!(store.get(&key(1)).await.unwrap().len(), 1 << 20, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.local_addr().unwrap()
    );
    let leading = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = leading.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = leading.accept().unwrap();
        let _head = stream.read(&mut [0; 8192]).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });

    let answered = refused(connect(&format!("s3://K:S@bucket?endpoint=http://{address}")).get(&key(1)).await);

    thread.join().unwrap();
    assert_eq!(answered.status, 307);
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let store = connect(&server.connector_address(s3::Team { secret: "s3cr3t/that+is=kept", ..s3::TEAM_A }, ""));
    let signature = "sv=2024-01-01&sr=c&sp=r&sig=s3cr3t%2Fthat%2Bis%3Dkept";
    let encoded = percent_encoding::utf8_percent_encode(signature, percent_encoding::NON_ALPHANUMERIC);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let azurite = format!("az://:{encoded}@teama/team-a?identity=sas&endpoint=http://{closed}/teama");
    let shared = connect(&azurite);
    let proxy = FaultyProxy::start(server.address);
    proxy.set(Fault::Unavailable);
    let down = connect(&azurite.replace(&closed.to_string(), &proxy.address.to_string()));

    let mut said = format!("{store:?} {shared:?} {:?} {:?}", store.direct(), shared.direct());
    for store in [&store, &shared, &down] {
        said += &format!("{:?}", store.put_new(&key(1), body()).await);
        said += &format!("{:?}", store.get(&key(1)).await);
        said += &format!("{:?}", store.list().try_collect::<Vec<_>>().await);
    }

    assert!(shared.direct().is_none(), "a shared access signature signs nothing");
    assert!(!said.contains("s3cr3t") && !said.contains("kept"), "{said}");
}

#[test]
fn an_identity_is_never_another_than_the_one_that_is_said() {
    for (address, secret_of) in [
        ("s3://b?region=r&identity=imds", Some("s3://K:S@b?region=r")),
        ("s3://K:S@b?region=r", None),
        ("s3://K:S@b?region=r&role_arn=arn", None),
        ("gs://b?identity=metadata", Some("s3://K:S@b?region=r")),
        ("az://:AAAA@account/container", None),
        ("az://:AAAA@account/container", Some("s3://K:S@b?region=r")),
        ("file:///tmp", Some("s3://K:S@b?region=r")),
    ] {
        let spec = address::parse(address).unwrap().0;
        let secret = secret_of.and_then(|other| address::parse(other).unwrap().1);

        let opened = Store::connect(&spec, secret.as_ref(), &rules());

        assert!(matches!(opened, Err(StoreError::Settings(_))), "{address}");
    }
    assert!(try_connect("s3://b?region=r&identity=imds").is_ok());
    assert!(try_connect("s3://b?region=r&identity=web&role_arn=arn&token_file=/none").is_ok());
    assert!(try_connect("gs://b?identity=metadata").is_ok());
    assert!(try_connect("az://account/container?identity=managed").is_ok());
}

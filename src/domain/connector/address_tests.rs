//! Addresses as operators write them, and as nobody should.

use super::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

fn spec(address: &str) -> ConnectorSpec {
    parse(address).unwrap_or_else(|error| panic!("{address}: {error}")).0
}

fn s3(address: &str) -> (String, String, Option<String>, bool, String) {
    let spec = spec(address);
    let Place::S3 { bucket, region, endpoint, path_style, .. } = spec.place else { panic!("{address}") };
    (bucket, region, endpoint, path_style, spec.prefix)
}

fn refused(address: &str) -> AddressError {
    parse(address).map(|(spec, _)| spec).expect_err(address)
}

fn access_key(id: &str, secret: &str) -> Option<StoreSecret> {
    Some(StoreSecret::AccessKey { id: id.into(), secret: secret.into(), session_token: None })
}

#[test]
fn after_the_keys_there_is_a_host_or_a_bucket() {
    let own = |bucket: &str, region: &str, path_style, prefix: &str| {
        (bucket.to_owned(), region.to_owned(), None, path_style, prefix.to_owned())
    };
    let at = |endpoint: &str, bucket: &str, region: &str, prefix: &str| {
        (bucket.to_owned(), region.to_owned(), Some(endpoint.to_owned()), true, prefix.to_owned())
    };
    for (address, found) in [
        ("s3://K:S@team-a?region=eu-west-1", own("team-a", "eu-west-1", false, "")),
        ("s3://K:S@team-a/runs/2026/?region=eu-west-1", own("team-a", "eu-west-1", false, "runs/2026")),
        ("s3://K:S@team.a?region=eu-west-1", own("team.a", "eu-west-1", true, "")),
        ("s3://K:S@s3.eu-west-1.amazonaws.com/team-a", own("team-a", "eu-west-1", false, "")),
        ("s3://K:S@s3.eu-west-1.amazonaws.com/team-a/p?region=eu-west-1", own("team-a", "eu-west-1", false, "p")),
        ("s3://K:S@s3.cn-north-1.amazonaws.com.cn/team-a", own("team-a", "cn-north-1", false, "")),
        ("s3://team.a/p?region=eu-west-1&identity=imds", own("team.a", "eu-west-1", true, "p")),
        ("s3://K:S@s3.example.com:9000/wandb", at("https://s3.example.com:9000", "wandb", "us-east-1", "")),
        ("s3://K:S@minio:9000/wandb?tls=false", at("http://minio:9000", "wandb", "us-east-1", "")),
        ("s3://K:S@[fd12::1]:9000/wandb", at("https://[fd12::1]:9000", "wandb", "us-east-1", "")),
        ("s3://K:S@s3.example.com/wandb/a/b?region=r1", at("https://s3.example.com", "wandb", "r1", "a/b")),
        ("s3://K:S@s3.example.com/wandb?region=garage?tls=true", at("https://s3.example.com", "wandb", "garage", "")),
        ("s3://K:S@wan.db/p?endpoint=http://minio:9000", at("http://minio:9000", "wan.db", "us-east-1", "p")),
        ("s3://minio:9000/b?identity=imds&tls=true", at("https://minio:9000", "b", "us-east-1", "")),
    ] {
        assert_eq!(s3(address), found, "{address}");
    }
    assert!(!s3("s3://K:S@minio:9000/wandb?path_style=false").3);
    assert!(s3("s3://K:S@team-a?region=r&path_style=true").3);
}

#[test]
fn coreweave_is_reached_by_the_host_of_the_bucket() {
    for address in ["cw://K:S@cwobject.com/team-a/p?tls=true", "cw://K:S@team-a/p", "cw://team-a/p?identity=imds"] {
        let (bucket, _, endpoint, path_style, prefix) = s3(address);
        assert_eq!((bucket.as_str(), endpoint.as_deref()), ("team-a", Some(COREWEAVE)), "{address}");
        assert!(!path_style && prefix == "p");
    }
    for bucket in ["team_a", "cw-a", "vip-a", "team.a"] {
        assert_eq!(refused(&format!("cw://K:S@{bucket}")).part, "bucket");
    }
    assert_eq!(refused("cw://K:S@team-a?tls=false").part, "`tls`");
}

#[test]
fn identities_of_s3_are_said_and_combined() {
    let web = WorkloadIdentity::Web { role: "arn:own".into(), token_file: "/t".into() };
    for (query, identity) in [
        ("identity=imds", Identity::Workload { from: WorkloadIdentity::Imds }),
        ("identity=web&role_arn=arn:own&token_file=/t", Identity::Workload { from: web.clone() }),
        ("identity=ecs&uri=/v2/x", Identity::Workload { from: WorkloadIdentity::Ecs { uri: "/v2/x".into() } }),
        (
            "identity=eks&uri=http://169.254.170.23/v1/credentials&token_file=/t",
            Identity::Workload {
                from: WorkloadIdentity::Eks {
                    uri: "http://169.254.170.23/v1/credentials".into(),
                    token_file: "/t".into(),
                },
            },
        ),
        (
            "identity=imds&role_arn=arn:theirs&external_id=x1",
            Identity::AssumedRole {
                role: "arn:theirs".into(),
                external_id: Some("x1".into()),
                by: Some(WorkloadIdentity::Imds),
            },
        ),
        (
            "identity=web&web_role_arn=arn:own&token_file=/t&role_arn=arn:theirs",
            Identity::AssumedRole { role: "arn:theirs".into(), external_id: None, by: Some(web) },
        ),
    ] {
        let (found, secret) = parse(&format!("s3://team-a?region=r&{query}")).unwrap();
        assert_eq!((found.identity, secret), (identity, None), "{query}");
    }
    let (found, secret) = parse("s3://K:S@team-a?region=r&role_arn=arn:theirs").unwrap();
    assert_eq!(found.identity, Identity::AssumedRole { role: "arn:theirs".into(), external_id: None, by: None });
    assert_eq!(secret, access_key("K", "S"));
}

#[test]
fn google_and_azure_have_their_own_kinds() {
    let (found, secret) = parse("gs://sa@p.iam.gserviceaccount.com:-----BEGIN%0Akey%2B@team-a/p").unwrap();
    assert_eq!(found.place, Place::Gcs { bucket: "team-a".into(), endpoint: None });
    assert_eq!((found.prefix.as_str(), found.identity), ("p", Identity::Keys));
    let Some(StoreSecret::ServiceAccount { json }) = secret else { panic!() };
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["client_email"], "sa@p.iam.gserviceaccount.com");
    assert_eq!(json["private_key"], "-----BEGIN\nkey+");

    let from = WorkloadIdentity::Adc { file: "/etc/adc.json".into() };
    assert_eq!(spec("gs://team-a?identity=adc&file=/etc/adc.json").identity, Identity::Workload { from });
    let from = WorkloadIdentity::Metadata;
    assert_eq!(spec("gs://team-a?identity=metadata").identity, Identity::Workload { from });

    let azure = |query: &str| parse(&format!("az://{query}")).unwrap();
    let (found, secret) = azure(":a%2Fb%2Bc%3D@account/container/p");
    let place = Place::Azure { account: "account".into(), container: "container".into(), endpoint: None };
    assert_eq!((found.place, found.prefix.as_str()), (place.clone(), "p"));
    assert_eq!(secret, Some(StoreSecret::AccountKey { key: "a/b+c=".into() }));
    assert_eq!(azure(":k@account.blob.core.windows.net/container").0.place, place);
    let (found, secret) = azure(":sv%3D1%26sig%3Dx@account/container?identity=sas");
    assert_eq!(found.identity, Identity::SharedAccess);
    assert_eq!(secret, Some(StoreSecret::SharedAccess { signature: "sv=1&sig=x".into() }));
    let (found, secret) = azure(":s@account/container?identity=client_secret&tenant=t.example&client=c-1");
    assert_eq!(found.identity, Identity::ClientSecret { tenant: "t.example".into(), client: "c-1".into() });
    assert_eq!(secret, Some(StoreSecret::ClientSecret { secret: "s".into() }));
    let from = WorkloadIdentity::Managed { client: None };
    assert_eq!(azure("account/container?identity=managed").0.identity, Identity::Workload { from });
}

#[test]
fn directories_need_no_identity() {
    let (found, secret) = parse("file:///srv/team%20a").unwrap();

    assert_eq!(found.place, Place::Local { directory: "/srv/team a".into() });
    assert_eq!((found.identity, secret), (Identity::Process, None));
    assert_eq!(refused("file://srv/a").part, "directory");
    assert_eq!(refused("file:///srv/../etc").part, "directory");
    assert_eq!(refused("file:///srv?region=r").part, "query");
}

#[test]
fn whatever_has_no_keys_has_to_say_who_it_is() {
    for (address, kinds) in [
        ("s3://team-a?region=r", ["`web`", "`ecs`", "`eks`", "`imds`"].as_slice()),
        ("cw://team-a", &["`web`"]),
        ("gs://team-a", &["adc", "metadata"]),
        ("az://account/container", &["sas", "client_secret", "workload", "managed"]),
    ] {
        let error = refused(address);
        assert_eq!(error.part, "identity", "{address}");
        for kind in kinds {
            assert!(error.expected.contains(kind), "{error}");
        }
    }
    assert_eq!(refused("s3://K:S@team-a?region=r&identity=imds").part, "identity");
    assert_eq!(refused("s3://team-a?region=r&identity=root").part, "identity");
    assert_eq!(refused("az://:k@account/container?identity=managed").part, "identity");
}

#[test]
fn how_it_is_reached_and_kept() {
    let found = spec(
        "s3://K:S@minio:9000/b?sse=aws:kms&kms=key-1&endpoint_public=https://s3.example.com&proxy=http://squid:3128&data_path=direct",
    );
    let Place::S3 { encryption, .. } = found.place else { panic!() };
    assert_eq!(encryption, Some(Encryption::Kms { key: Some("key-1".into()) }));
    assert_eq!(found.data_path, DataPath::Direct);
    assert_eq!(found.network.client_endpoint.as_deref(), Some("https://s3.example.com"));
    assert_eq!(found.network.proxy.as_deref(), Some("http://squid:3128"));

    for (query, path) in [
        ("", DataPath::Auto),
        ("&proxy=auto", DataPath::Auto),
        ("&proxy=always", DataPath::Proxy),
        ("&proxy=never", DataPath::Direct),
    ] {
        assert_eq!(spec(&format!("s3://K:S@b?region=r{query}")).data_path, path);
    }
}

#[test]
fn an_error_names_the_part() {
    let ca = utf8_percent_encode("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", NON_ALPHANUMERIC)
        .to_string();
    assert!(parse(&format!("s3://K:S@minio:9000/b?ca={ca}")).is_ok());
    for (address, part) in [
        ("", "scheme"),
        ("ftp://K:S@b", "scheme"),
        ("team-a", "scheme"),
        ("s3://K@b?region=r", "part before the `@`"),
        ("s3://K:%zz@b?region=r", "secret before the `@`"),
        ("s3://K:%ff@b?region=r", "secret before the `@`"),
        ("s3://K:S@?region=r", "bucket"),
        ("s3://K:S@minio:9000?tls=true", "bucket"),
        ("s3://K:S@b_%2F?region=r", "bucket"),
        ("s3://K:S@b", "`region`"),
        ("s3://K:S@s3.eu-west-1.amazonaws.com/b?region=us-east-1", "`region`"),
        ("s3://K:S@b/a//b?region=r", "prefix"),
        ("s3://K:S@b/../c?region=r", "prefix"),
        ("s3://K:S@b?region=r&region=r", "query"),
        ("s3://K:S@b?region=r&colour=red", "query"),
        ("s3://K:S@b?region=", "query"),
        ("s3://K:S@b?region=r&tls=maybe&endpoint=http://m", "query"),
        ("s3://K:S@b?region=r&file=/x", "query"),
        ("s3://K:S@b?region=r&sse=AES256&kms=k", "`sse`"),
        ("s3://K:S@b?region=r&external_id=x", "`external_id`"),
        ("s3://K:S@b?region=r&proxy=always&data_path=proxy", "`proxy`"),
        ("s3://K:S@b?region=r&proxy=socks://p:1", "proxy"),
        ("s3://K:S@b?region=r&endpoint=http://u:p@m", "endpoint"),
        ("s3://K:S@b?region=r&endpoint=http://m/path", "endpoint"),
        ("s3://K:S@b?region=r&endpoint=file:///etc", "endpoint"),
        ("s3://K:S@b?region=r&ca=nothing", "ca"),
        ("s3://b?region=r&identity=web", "`role_arn`"),
        ("s3://b?region=r&identity=ecs&uri=@evil.test/", "uri"),
        ("s3://b?region=r&identity=eks&uri=http://x/&token_file=relative", "token_file"),
        ("gs://b?identity=adc", "query"),
        ("az://:k@Account/container", "account"),
        ("az://:k@account/c", "container"),
        ("s3://K:S@b ?region=r", "text"),
    ] {
        assert_eq!(refused(address).part, part, "{address}");
    }
    assert_eq!(refused(&format!("s3://{}", "a".repeat(70_000))).part, "length");
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in ".*", scheme in "(s3|cw|gs|az|file)://") {
        let _either = parse(&text);
        let _either = parse(&format!("{scheme}{text}"));
    }

    #[test]
    fn almost_addresses_are_read_or_refused(
        text in "(s3|cw|gs|az|file)://([a-zA-Z0-9:%@./?&=+_\\[\\]-]|region=|identity=|@){0,60}"
    ) {
        let _either = parse(&text);
    }

    #[test]
    fn a_secret_comes_back_as_it_was_and_no_error_has_it(id in "[A-Z0-9]{1,20}", secret in "[A-Za-z0-9/+=@:?&%#]{8,60}") {
        let encoded = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();

        let (_, found) = parse(&format!("s3://{id}:{encoded}@minio:9000/b")).unwrap();
        prop_assert_eq!(found, access_key(&id, &secret));

        for wrong in ["@b", "@minio:9000/b?no=such", "/b", "@minio:x/b?region=", "?region=r", ""] {
            for given in [&encoded, &secret] {
                if let Err(error) = parse(&format!("s3://{id}:{given}{wrong}")) {
                    prop_assert!(!error.to_string().contains(&secret), "{}", error);
                }
            }
        }
    }

    #[test]
    fn what_base64_has_needs_no_encoding(secret in "[A-Za-z0-9/+=]{1,60}") {
        let (_, found) = parse(&format!("s3://K:{secret}@minio:9000/b")).unwrap();

        prop_assert_eq!(found, access_key("K", &secret));
    }
}

//! What the bucket has set: whether it keeps what is deleted, and whether rules of its own delete what we keep.

use super::log::{Done, Log, Trouble};
use super::signed::{direct, send};
use super::{Probe, advice};
use crate::domain::connector::Place;
use crate::domain::connector::probe::ProbeStep;
use crate::storage::http::{Answered, element};
use bytes::Bytes;
use http::Method;

const URL_SECS: u64 = 300;

pub(super) async fn run(probe: &Probe<'_>, log: &mut Log<'_>) {
    log.step(ProbeStep::Versioning, &[ProbeStep::Connect], versioning(probe)).await;
    log.step(ProbeStep::Lifecycle, &[ProbeStep::Connect], lifecycle(probe)).await;
}

async fn versioning(probe: &Probe<'_>) -> Done {
    let answer = ask(probe, "versioning", ProbeStep::Versioning).await?.unwrap_or_default();
    let note = if element(&answer, "Status") == "Enabled" {
        "on: the bucket keeps what is deleted, and only a rule of its own for old versions frees their space"
    } else {
        "off: what is deleted is gone at once"
    };
    Ok(Some(note.into()))
}

async fn lifecycle(probe: &Probe<'_>) -> Done {
    let Some(rules) = ask(probe, "lifecycle", ProbeStep::Lifecycle).await? else {
        return Ok(Some(advice::UNFINISHED_UPLOADS.into()));
    };
    let rules = parse_rules(&rules);
    let deleting = rules.iter().find(|rule| rule.is_on && rule.deletes && rule.covers(&probe.spec.prefix));
    if let Some(rule) = deleting {
        let words =
            format!("the rule `{}` of the bucket deletes objects under `{}` by their age", rule.name, rule.prefix);
        return Err(Trouble::seen(
            words,
            "a bucket, or a prefix, whose objects no rule deletes: this server removes what is not needed",
        ));
    }
    let aborts = rules.iter().any(|rule| rule.is_on && rule.aborts && rule.covers(&probe.spec.prefix));
    Ok((!aborts).then(|| advice::UNFINISHED_UPLOADS.into()))
}

/// The bucket's answer to a question about itself; `None`: nothing is set.
async fn ask(probe: &Probe<'_>, question: &'static str, step: ProbeStep) -> Result<Option<String>, Trouble> {
    match probe.spec.place {
        Place::Local { .. } => return Err(Trouble::Nothing("a directory has no such settings".into())),
        Place::Azure { .. } => {
            let reason = "Azure tells this to who manages the account only, not to who uses its containers";
            return Err(Trouble::Nothing(reason.into()));
        }
        Place::S3 { .. } | Place::Gcs { .. } => {}
    }
    let url = direct(probe)?.bucket_url(question, URL_SECS).await?;
    let answer = send(probe, Method::GET, &url, &[], Bytes::new()).await?;
    if answer.status().is_success() {
        return Ok(Some(String::from_utf8_lossy(answer.body()).into_owned()));
    }
    let said = Answered::of(&answer);
    if said.code.starts_with("NoSuch") && said.code != "NoSuchBucket" {
        return Ok(None);
    }
    // It can be used without being asked.
    let permission = advice::permission(step, &probe.spec.place).unwrap_or("the permission to ask");
    Err(Trouble::Nothing(format!("the store does not tell ({said}); with `{permission}` it would be checked")))
}

/// A rule of a bucket, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rule {
    name: String,
    prefix: String,
    is_on: bool,
    /// Objects that are there.
    deletes: bool,
    /// Uploads that were not finished.
    aborts: bool,
}

impl Rule {
    /// Whether objects under our prefix may be meant.
    fn covers(&self, ours: &str) -> bool {
        let ours = if ours.is_empty() { String::new() } else { format!("{ours}/") };
        ours.starts_with(&self.prefix) || self.prefix.starts_with(&ours)
    }
}

/// Those of S3 and of GCS. Of a rule for several prefixes each is one.
fn parse_rules(xml: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for text in xml.split("<Rule>").skip(1) {
        let text = text.split("</Rule>").next().unwrap_or_default();
        let has = |tag: &str| text.contains(&format!("<{tag}>")) || text.contains(&format!("<{tag}/>"));
        let expiration = element(text, "Expiration");
        // A rule that removes markers of deleted objects removes no objects.
        let expires = expiration.contains("<Days>") || expiration.contains("<Date>");
        // GCS: what is deleted because it is not live any more was deleted before.
        let google = has("Delete") && !text.contains("<IsLive>false</IsLive>") && !has("DaysSinceNoncurrentTime");
        let rule = |prefix: String| Rule {
            name: element(text, "ID"),
            prefix,
            is_on: element(text, "Status") != "Disabled",
            deletes: expires || google,
            aborts: has("AbortIncompleteMultipartUpload"),
        };
        let prefixes: Vec<String> = text
            .split("<MatchesPrefix>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().into())
            .collect();
        if prefixes.is_empty() {
            rules.push(rule(element(text, "Prefix")));
        } else {
            rules.extend(prefixes.into_iter().map(rule));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletes(xml: &str, prefix: &str) -> bool {
        parse_rules(xml).iter().any(|rule| rule.is_on && rule.deletes && rule.covers(prefix))
    }

    #[test]
    fn a_rule_that_deletes_under_our_prefix_is_found_and_no_other() {
        let rule = |prefix: &str, status: &str, what: &str| {
            format!(
                "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>{prefix}</Prefix></Filter>\
                 <Status>{status}</Status>{what}</Rule></LifecycleConfiguration>"
            )
        };
        let days = "<Expiration><Days>30</Days></Expiration>";
        for (xml, prefix, expected) in [
            (rule("", "Enabled", days), "teams/a", true),
            (rule("teams", "Enabled", days), "teams/a", true),
            (rule("teams/a/files", "Enabled", days), "teams/a", true),
            (rule("teams/a", "Enabled", days), "", true),
            (rule("teams/b", "Enabled", days), "teams/a", false),
            (rule("teams/a-old", "Enabled", days), "teams/a", false),
            (rule("", "Disabled", days), "teams/a", false),
            (
                rule(
                    "",
                    "Enabled",
                    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
                ),
                "",
                false,
            ),
            (
                rule(
                    "",
                    "Enabled",
                    "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>",
                ),
                "",
                false,
            ),
            (
                rule(
                    "",
                    "Enabled",
                    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
                ),
                "",
                false,
            ),
            ("<LifecycleConfiguration/>".into(), "", false),
        ] {
            assert_eq!(deletes(&xml, prefix), expected, "{xml} for {prefix}");
        }
    }

    #[test]
    fn rules_of_google_are_read_too() {
        let rule = |condition: &str| {
            format!(
                "<LifecycleConfiguration><Rule><Action><Delete/></Action><Condition>{condition}</Condition></Rule>\
                 </LifecycleConfiguration>"
            )
        };
        assert!(deletes(&rule("<Age>30</Age>"), "a"));
        assert!(deletes(&rule("<Age>30</Age><MatchesPrefix>x</MatchesPrefix><MatchesPrefix>a/</MatchesPrefix>"), "a"));
        assert!(!deletes(&rule("<Age>30</Age><MatchesPrefix>x</MatchesPrefix>"), "a"));
        assert!(!deletes(&rule("<IsLive>false</IsLive>"), "a"));
    }
}

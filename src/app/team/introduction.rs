//! Introductions of teams, from Markdown to HTML that can be shown in anybody's browser: nothing in it acts, and nothing
//! in it is fetched from another host.

use crate::domain::id::OutsideImageId;
use ammonia::{Builder, UrlRelative, UrlRelativeEvaluate};
use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use url::Url;

/// More images of other hosts than this are shown as links.
const OUTSIDE_IMAGES_MAX: usize = 30;
const URL_BYTES_MAX: usize = 2000;
/// Quotes in quotes, lists in lists: no text that people read goes deeper, and the work grows with the square of it.
const NESTING_MAX: usize = 50;

const TAGS: [&str; 27] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

fn events(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// Whether it nests deeper than is shown.
pub fn is_too_deep(markdown: &str) -> bool {
    let mut depth = 0_usize;
    for event in events(markdown) {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return true;
        }
    }
    false
}

/// The addresses of images that lie on other hosts, each once, the first few.
pub fn outside_images(markdown: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for event in events(markdown) {
        let Event::Start(Tag::Image { dest_url, .. }) = event else { continue };
        let is_new = !urls.iter().any(|url| **url == *dest_url);
        if is_new && host_of(&dest_url).is_some() && urls.len() < OUTSIDE_IMAGES_MAX {
            urls.push(dest_url.into_string());
        }
    }
    urls
}

/// The host of an image that might be fetched.
pub fn host_of(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok().filter(|parsed| parsed.scheme() == "https" && url.len() <= URL_BYTES_MAX)?;
    parsed.domain().map(str::to_owned)
}

/// Images that are in `shown` are asked for from this server, under `images_path`; the others are linked texts.
pub fn to_html(markdown: &str, images_path: &str, shown: &HashMap<String, OutsideImageId>) -> String {
    let mut html = String::with_capacity(markdown.len() * 2);
    html::push_html(
        &mut html,
        Rendered { events: events(markdown), images_path, shown, waiting: Vec::new(), links: 0 },
    );
    sanitized(&html, images_path)
}

/// Takes text for text, where the author wrote tags, and links for images.
struct Rendered<'m, 's> {
    events: Parser<'m>,
    images_path: &'s str,
    shown: &'s HashMap<String, OutsideImageId>,
    /// What comes next, last one first, where one event has become several.
    waiting: Vec<Event<'m>>,
    /// In how many links we are: an image in a link is its text.
    links: usize,
}

impl<'m> Iterator for Rendered<'m, '_> {
    type Item = Event<'m>;

    fn next(&mut self) -> Option<Event<'m>> {
        if let Some(event) = self.waiting.pop() {
            return Some(event);
        }
        let event = match self.events.next()? {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::Image { dest_url, title, link_type, id }) => match self.shown.get(dest_url.as_ref()) {
                Some(image) => {
                    let dest_url = CowStr::from(format!("{}{image}", self.images_path));
                    Event::Start(Tag::Image { dest_url, title, link_type, id })
                }
                None => self.linked_text(dest_url),
            },
            Event::Start(Tag::Link { dest_url, title, link_type, id }) => {
                self.links += 1;
                Event::Start(Tag::Link { dest_url, title, link_type, id })
            }
            Event::End(TagEnd::Link) => {
                self.links = self.links.saturating_sub(1);
                Event::End(TagEnd::Link)
            }
            other => other,
        };
        Some(event)
    }
}

impl<'m> Rendered<'m, '_> {
    /// The text of an image that is not shown, as a link to it; within a link as its text. One without a text is named
    /// by its address.
    fn linked_text(&mut self, dest_url: CowStr<'m>) -> Event<'m> {
        let (mut text, mut depth) = (String::new(), 1);
        for event in self.events.by_ref() {
            match event {
                Event::Start(Tag::Image { .. }) => depth += 1,
                Event::End(TagEnd::Image) if depth == 1 => break,
                Event::End(TagEnd::Image) => depth -= 1,
                Event::Text(more) | Event::Code(more) | Event::Html(more) | Event::InlineHtml(more) => text += &more,
                Event::SoftBreak | Event::HardBreak => text.push(' '),
                _ => {}
            }
        }
        if text.trim().is_empty() {
            text = dest_url.to_string();
        }
        if self.links > 0 {
            return Event::Text(text.into());
        }
        self.waiting = vec![Event::End(TagEnd::Link), Event::Text(text.into())];
        Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, title: "".into(), id: "".into() })
    }
}

/// The second line of defence: whatever came before, only these tags and addresses are left.
fn sanitized(html: &str, images_path: &str) -> String {
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.into())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("img", HashSet::from(["src", "alt"])),
        ]))
        .generic_attributes(HashSet::new())
        .clean_content_tags(HashSet::from(["script", "style"]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Custom(Box::new(OwnImages(images_path.to_owned()))))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            // Images come from this server and from nowhere else.
            ("img", "src") if !value.starts_with('/') => None,
            _ => Some(value.into()),
        })
        .link_rel(Some("noopener noreferrer nofollow"));
    builder.clean(html).to_string()
}

/// The one kind of address without a host that is left: that of an image which this server has fetched.
struct OwnImages(String);

impl UrlRelativeEvaluate<'_> for OwnImages {
    fn evaluate<'u>(&self, url: &'u str) -> Option<Cow<'u, str>> {
        let id = url.strip_prefix(self.0.as_str())?;
        id.bytes().all(|byte| byte.is_ascii_digit()).then_some(Cow::Borrowed(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "/api/v1/teams/vision/outside-images/";

    fn html(markdown: &str) -> String {
        to_html(markdown, PATH, &HashMap::new())
    }

    #[test]
    fn what_nests_deeper_than_anybody_reads_is_seen_as_such() {
        assert!(!is_too_deep(&">".repeat(50)) && !is_too_deep("# Us\n\n- a\n  - b\n    > c"));
        assert!(is_too_deep(&">".repeat(60_000)) && is_too_deep(&format!("{} a", "> ".repeat(51))));
    }

    #[test]
    fn markdown_becomes_what_it_says() {
        assert_eq!(
            html("# Us\n\nWe *see*, ~~hear~~ `x<y`.\n\n- a\n- b"),
            "<h1>Us</h1>\n<p>We <em>see</em>, <del>hear</del> <code>x&lt;y</code>.</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"
        );
        assert_eq!(
            html("[paper](https://example.com/a?b=1&c=2 \"t\")"),
            "<p><a href=\"https://example.com/a?b=1&amp;c=2\" title=\"t\" rel=\"noopener noreferrer nofollow\">paper</a></p>\n"
        );
        assert!(html("|a|b|\n|:-|-|\n|1|2|").contains("<td>1</td>"));
        assert!(html("<mailto:us@example.com>").contains("href=\"mailto:us@example.com\""));
    }

    #[test]
    fn nothing_in_it_acts() {
        let attacks = [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\" onclick=\"x()\">a</a>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](data:text/html;base64,PHNjcmlwdD4=)",
            "[a](vbscript:x)",
            "[a](&#106;avascript:alert(1))",
            "![a](javascript:alert(1))",
            "[![a](javascript:alert(1))](javascript:alert(2))",
            "<style>*{display:none}</style>",
            "<iframe src=https://evil.example></iframe>",
            "<svg/onload=alert(1)>",
            "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">",
            "![a\"onerror=\"alert(1)](https://evil.example/x.png)",
            "[a](https://evil.example \"\\\" onmouseover=\\\"alert(1)\")",
            "<form action=https://evil.example><input name=a></form>",
            "[a](/api/v1/users)",
            "<base href=//evil.example>",
        ];
        for attack in attacks {
            let html = html(attack);
            // What is left of the attack is text: no tag but those that Markdown makes, no attribute that acts.
            for tag in html.split('<').skip(1) {
                let tag = tag.split('>').next().unwrap();
                let name = tag.trim_start_matches('/').split(' ').next().unwrap();
                assert!(TAGS.contains(&name) && name != "img", "{attack}: {html}");
                let outside_of_values: String = tag.split('"').step_by(2).collect();
                assert!(!outside_of_values.contains(" on") && !tag.contains("style="), "{attack}: {html}");
                for address in tag.split("href=\"").skip(1) {
                    assert!(address.starts_with("https://"), "{attack}: {html}");
                }
            }
        }
    }

    #[test]
    fn an_image_of_another_host_is_its_linked_text_until_it_is_here() {
        let markdown = "![build](https://badge.test/b.svg?x=1&y=2) [![chat](https://badge.test/c)](https://chat.test) ![](https://a.test/i)";
        let linked = html(markdown);
        assert!(!linked.contains("<img"), "{linked}");
        assert!(
            linked.contains(
                "<a href=\"https://badge.test/b.svg?x=1&amp;y=2\" rel=\"noopener noreferrer nofollow\">build</a>"
            ),
            "{linked}"
        );
        assert!(
            linked.contains("<a href=\"https://chat.test\" rel=\"noopener noreferrer nofollow\">chat</a>"),
            "{linked}"
        );
        assert!(linked.contains(">https://a.test/i</a>"), "{linked}");

        let shown = HashMap::from([("https://badge.test/c".to_owned(), OutsideImageId(7))]);
        let shown = to_html(markdown, PATH, &shown);
        assert!(shown.contains("<img src=\"/api/v1/teams/vision/outside-images/7\" alt=\"chat\">"), "{shown}");
        assert_eq!(shown.matches("<img").count(), 1, "{shown}");
    }

    #[test]
    fn only_images_that_could_be_fetched_are_asked_for() {
        let markdown = "![a](https://a.test/1) ![b](https://a.test/1) ![c](http://a.test/2) ![d](/x) ![e](data:image/png;base64,AA) ![f](https://127.0.0.1/x) ![g](https://b.test/2)";
        assert_eq!(outside_images(markdown), ["https://a.test/1", "https://b.test/2"]);
        let many: String = (0..99).map(|number| format!("![x](https://a.test/{number}) ")).collect();
        assert_eq!(outside_images(&many).len(), OUTSIDE_IMAGES_MAX);
    }

    proptest! {
        #[test]
        fn whatever_is_written_no_tag_of_its_author_is_left(text in "[a-z<>/\"'=!\\[\\]()`*_#&;: \n-]{0,80}") {
            let html = html(&text);
            for tag in html.split('<').skip(1) {
                let name = tag.trim_start_matches('/').split(['>', ' ']).next().unwrap();
                prop_assert!(TAGS.contains(&name), "{}", html);
            }
        }
    }
}

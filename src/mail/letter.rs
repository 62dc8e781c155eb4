//! What mails say: plain text, which every reader shows and no filter minds.

/// Subject and text of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub text: String,
}

/// Where people open the link that resets a password. `base` is where they reach the server.
pub fn reset_url(base: &str, token: &str) -> String {
    format!("{base}/password-reset/{token}")
}

/// Where people open an invitation.
pub fn invitation_url(base: &str, token: &str) -> String {
    format!("{base}/invitations/{token}")
}

/// For who lost their password.
pub fn reset(base: &str, token: &str) -> Letter {
    let url = reset_url(base, token);
    Letter {
        subject: "Choose a new password".into(),
        text: format!(
            "Somebody, probably you, asked for a new password for your account at {base}\n\n\
             This link lets you choose one. It can be used once, within 24 hours:\n\n    {url}\n\n\
             If it was not you, do nothing: your password stays as it is.\n"
        ),
    }
}

/// For who is invited into a team or an organization: `into` is such as: team `vision`.
pub fn invitation(base: &str, token: &str, into: &str, invited_by: Option<&str>) -> Letter {
    let url = invitation_url(base, token);
    let who = invited_by.map_or_else(|| "An administrator".to_owned(), |name| format!("`{name}`"));
    Letter {
        subject: "An invitation to Weighhouse".into(),
        text: format!(
            "{who} invites you to the {into} at {base}\n\n\
             This link lets you accept. It can be used once, within 7 days:\n\n    {url}\n\n\
             If you do not know what this is about, do nothing.\n"
        ),
    }
}

/// For an operator who tries the settings out.
pub fn test(base: Option<&str>) -> Letter {
    let from = base.unwrap_or("your Weighhouse server");
    Letter {
        subject: "A test of the mail settings".into(),
        text: format!("This mail was sent by {from}\n\nIts mail settings work as far as this.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_a_line_of_its_own() {
        for letter in [reset("https://w.example", "TOKEN"), invitation("https://w.example", "TOKEN", "team `t`", None)]
        {
            let link = letter.text.lines().filter(|line| line.contains("TOKEN")).collect::<Vec<_>>();

            assert_eq!(link.len(), 1);
            assert!(link[0].starts_with("    https://w.example/") && link[0].ends_with("/TOKEN"), "{link:?}");
        }
    }
}
